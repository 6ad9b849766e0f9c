#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_STATE_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_STATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "client/source/history.h"
#include "proto/wire/key_range.h"
#include "proto/wire/lsn.h"

namespace mirror {

/// What a source without a change log remembers of the rows of its tables, so that the next look finds what
/// changed: `<state_dir>/<context_id>.capture.db`, a SQLite file:
///
///   capture       one row: the version of all this, and the number of the last run
///   captured      a row for each table
///   sent          a row for each position that was sent of a table
///   fed           what the feed of its deletes said at its pointer
///   rows_<n>      a row for each row of table n: its key, its digest, the runs that noted it
///
/// A look at the source is a run, and its number is the LSN of what it finds. Each row that is new, changed
/// or gone is noted with that number before it is sent. So a row that was noted behind the mirror's LSN is
/// not confirmed: it is sent again, or deleted, until the mirror shows a later LSN, whatever its digest says.
/// Nothing else moves forward: a process that is killed anywhere leaves a state from which the next run goes
/// on.
///
/// A file that is lost or set back recognises less and so has more sent, never less.
///
/// Errors: kUnavailable (the file cannot be written), kDataLoss (it is not one of ours, or damaged). Threads:
/// one.
class CaptureState {
 public:
  static absl::StatusOr<std::unique_ptr<CaptureState>> Open(const std::string& state_dir,
                                                            const std::string& context_id);
  /// A copy that is gone with its object, to try a look. Like a new one when there is no file.
  static absl::StatusOr<std::unique_ptr<CaptureState>> OpenCopy(const std::string& state_dir,
                                                                const std::string& context_id);
  /// Whether there is such a file.
  static bool Exists(const std::string& state_dir, const std::string& context_id);
  CaptureState(const CaptureState&) = delete;
  CaptureState& operator=(const CaptureState&) = delete;

  /// One table; as it was when it was asked for.
  struct Table {
    std::int64_t id = 0;
    std::string name;
    std::string form;          ///< See WriteCaptureForm() and Prepare().
    std::int64_t changed = 0;  ///< The last run that noted something; 0: none yet.
    std::uint64_t rows = 0;    ///< That are there.
    std::int64_t floor = 0;    ///< What was noted up to this run is not all on record any more.
    std::uint64_t digest = 0;  ///< Sum of those of all rows; for a table without a key.
    std::size_t key_parts = 0;
    bool by_column = false;  ///< What changed of a row is known column by column.
    KeyPart pointer;  ///< The greatest value of the column by which changes are found; kNull: none yet.
    KeyPart deletes_pointer;     ///< The same of the feed of its deletes.
    std::string feed;            ///< Which feed that is of; empty: it has none yet.
    std::string feed_record;     ///< SourceTable.record of the feed.
    std::int64_t looked_ms = 0;  ///< When it was last looked at, unix milliseconds; 0: never.
  };

  /// In place of the digest of a row: it cannot be read; the mirror is not to have it; it is to be asked for.
  static constexpr std::uint64_t kUnread = 0, kLeftOut = 1, kToAsk = 2;

  std::int64_t run() const { return run_; }
  /// Begins one. Its number is on disk.
  absl::StatusOr<std::int64_t> BeginRun();

  /// Absent: it was never looked at.
  absl::StatusOr<std::optional<Table>> Find(const std::string& name);
  /// All, by name.
  absl::StatusOr<std::vector<Table>> List();
  /// The run under which it was sent last; absent: never.
  absl::StatusOr<std::optional<std::int64_t>> LastSent(const Table& table);
  /// The next look begins there. Errors: kNotFound.
  absl::Status SetPointer(const std::string& name, const KeyPart& pointer);
  /// The same at the feed of its deletes: what was noted of it before is noted again.
  absl::Status SetDeletesPointer(const std::string& name, const KeyPart& pointer);
  /// The table, made when it is not there. With another form, or another number of key columns, what is on
  /// record of it is forgotten: then its floor is the last run.
  absl::StatusOr<Table> Prepare(const std::string& name, const std::string& form, std::size_t key_parts,
                                bool by_column = false);
  /// Forgets the tables that are not in `names`.
  absl::Status Retain(const std::vector<std::string>& names);

  /// How many rows were noted behind `from`.
  struct Noted {
    std::uint64_t inserts = 0, updates = 0, deletes = 0;
    std::uint64_t Count() const { return inserts + updates + deletes; }
  };
  absl::StatusOr<Noted> CountNoted(const Table& table, std::int64_t from);
  /// A row that was noted.
  struct Note {
    Key key;
    bool gone = false;
    bool born = false;   ///< Behind `from`, too: the mirror need not have it.
    bool asked = false;  ///< Nothing says that it changed, or is still there.
    /// Of columns that changed, by index, in order; empty: it is not known which.
    std::vector<std::uint32_t> columns = {};
  };
  /// The next ones in key order, behind `behind` (empty: the first), at most `most`.
  absl::StatusOr<std::vector<Note>> ReadNoted(const Table& table, std::int64_t from, const Key& behind,
                                              std::size_t most);

  /// The target of tables that are about to be sent, on disk: a run above `highest` and all others.
  absl::StatusOr<Position> Begin(const std::vector<std::string>& tables, std::int64_t highest);
  /// Of the last Begin().
  const Position& target() const { return target_; }
  absl::StatusOr<Standing> Judge(const std::string& name, const Position& position);
  /// Whether the position was a target of the table, and is not forgotten.
  absl::StatusOr<bool> Sent(const std::string& name, const Position& position);
  /// What is known of the table's rows counts as what the mirror has at `position`, but for those that a look
  /// behind it left out: it may have them. False: it cannot be, or nothing is known of them.
  absl::StatusOr<bool> Adopt(const std::string& name, const Position& position);
  /// What was sent before `before_ms` and lies below what the mirror has for good is forgotten.
  absl::Status Forget(const std::string& name, const Position& durable, std::int64_t before_ms);

 private:
  friend class CaptureLook;
  CaptureState() = default;
  absl::Status Load(const std::string& path);
  absl::Status Connect(const std::string& path, const sqlite::OpenAs& as, std::string_view doing);
  absl::Status Explain(const sqlite::Failure& failure, std::string_view doing) const;
  absl::Status MakeTables();
  static Table ReadTable(const sqlite::Statement& row);
  absl::Status Run(const std::string& sql) const;
  sqlite::Statement Prepared(const std::string& sql) const;
  absl::Status InTransaction(const std::function<absl::Status()>& work);
  absl::Status Save(const Table& table);

  std::string path_;
  std::unique_ptr<sqlite::Connection> database_;
  std::int64_t run_ = 0;
  std::int64_t begun_ = 0;  ///< By the last BeginRun().
  Position target_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_STATE_H_
