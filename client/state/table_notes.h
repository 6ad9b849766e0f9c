#ifndef MIRROR_CLIENT_STATE_TABLE_NOTES_H_
#define MIRROR_CLIENT_STATE_TABLE_NOTES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/history.h"
#include "proto/wire/lsn.h"

namespace mirror {

/// What of a table was last known to be on the mirror's disk, and the form that sent it.
struct Confirmed {
  Position position;
  Form form;
};

/// A table whose history took over from another form: until it was compared with the mirror.
enum class TakenOver : std::uint8_t {
  kNo,
  kKeeps,  ///< Neither form sends deletes: rows that the mirror alone has stay.
  kYes,
};
/// As the file of the run state has it; empty: kNo.
std::string ToString(TakenOver taken_over);
/// Absent: it is none of the words.
std::optional<TakenOver> ParseTakenOver(std::string_view word);

struct TableNote {
  std::int64_t sent = 0;  ///< Run; 0: none.
  bool suspect = false;   ///< See TableNotes::IsSuspect().
  std::int64_t counted_ms = 0;
  std::string record;  ///< The reader's, see SourceTable.record.
  std::optional<Confirmed> confirmed = {};
  TakenOver taken_over = TakenOver::kNo;
  std::int64_t key_refused_ms = 0;  ///< See TableNotes::ShallLookAtKey(); 0: it was not.
};

/// What a source's run state has of each table. Threads: one.
class TableNotes {
 public:
  /// By table, those announced in the last run.
  const std::map<std::string, TableNote>& all() const { return notes_; }
  std::map<std::string, TableNote>& all() { return notes_; }
  std::vector<std::string> Names() const;
  /// Null: there is none.
  const TableNote* Find(const std::string& table) const;

  /// The reader's record of each table that has one.
  std::map<std::string, std::string> Records() const;
  void SetRecord(const std::string& table, const std::string& record);
  /// Whether the last cycle that sent the table left it with another number of rows than its source.
  bool IsSuspect(const std::string& table) const;
  void SetSuspect(const std::string& table, bool suspect);
  std::vector<std::string> Suspects() const;
  /// A table whose rows are too many to be counted in each cycle: whether its turn has come.
  bool ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  void SetCounted(const std::string& table, std::int64_t now_ms);
  /// Whether the mirror refused the table with the type that values of its key gave it, and `interval_ms`
  /// passed since the first time.
  bool ShallLookAtKey(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  /// `now_ms`: when it was, of which the first time counts; absent: it was not, or is looked at anew.
  void SetKeyRefused(const std::string& table, std::optional<std::int64_t> now_ms);
  /// Null: nothing was.
  const Confirmed* FindConfirmed(const std::string& table) const;
  void SetConfirmed(const std::string& table, const Position& position, const Form& form);
  TakenOver IsTakenOver(const std::string& table) const;
  void SetTakenOver(const std::string& table, TakenOver taken_over);
  /// Forgets the tables that are not in `names`.
  void Retain(const std::vector<std::string>& names);

 private:
  /// Null: there is none.
  TableNote* Known(const std::string& table);

  std::map<std::string, TableNote> notes_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_TABLE_NOTES_H_
