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

/// The remembered rows of a source without a change log, so that the next look finds changes. They are in the
/// file `<state_dir>/<context_id>.capture.db`, a SQLite file:
///
///   capture       one row: the version of this layout, and the number of the last run
///   captured      a row for each table
///   sent          a row for each position that was sent of a table
///   fed           the entries of a table's feed of deletes at its pointer
///   rows_<n>      a row for each row of table n: its key, its digest, the runs that noted it
///
/// A look at the source is a run, and its number is the LSN of its findings. Each new, changed or deleted row
/// is noted with that number before it is sent. A row noted after the mirror's LSN is unconfirmed, whatever
/// its digest is. It is sent again, or deleted, until the mirror shows a later LSN. No other progress is
/// recorded: after a kill at any point the next run continues from the stored state.
///
/// If the file is lost or set back, fewer rows are recognised, and therefore more rows are sent.
///
/// Errors: kUnavailable (the file cannot be written), kDataLoss (it was not made by the agent, or is
/// damaged). Threads: one.
class CaptureState {
 public:
  static absl::StatusOr<std::unique_ptr<CaptureState>> Open(const std::string& state_dir,
                                                            const std::string& context_id);
  /// Opens a copy for a trial look. The copy is deleted with the object. If there is no file, the copy is
  /// empty.
  static absl::StatusOr<std::unique_ptr<CaptureState>> OpenCopy(const std::string& state_dir,
                                                                const std::string& context_id);
  /// Whether the file exists.
  static bool Exists(const std::string& state_dir, const std::string& context_id);
  CaptureState(const CaptureState&) = delete;
  CaptureState& operator=(const CaptureState&) = delete;

  /// A captured table, as it was when it was queried.
  struct Table {
    std::int64_t id = 0;
    std::string name;
    std::string form;          ///< See WriteCaptureForm() and Prepare().
    std::int64_t changed = 0;  ///< The last run with a note; 0: none yet.
    std::uint64_t rows = 0;    ///< Number of existing rows.
    std::int64_t floor = 0;    ///< Notes up to this run may be incomplete.
    std::uint64_t digest = 0;  ///< Sum of the digests of all rows; only for a table without a key.
    std::size_t key_parts = 0;
    bool by_column = false;      ///< Changes of a row are known column by column.
    KeyPart pointer;             ///< Greatest value of the column that shows changes; kNull: none yet.
    KeyPart deletes_pointer;     ///< The same for the feed of its deletes; kNull: none yet.
    std::string feed;            ///< Identity of that feed; empty: no feed yet.
    std::string feed_record;     ///< SourceTable.record of the feed.
    std::int64_t looked_ms = 0;  ///< Time of the last look, unix milliseconds; 0: never.
  };

  /// Stored instead of a row's digest. kUnread: the row cannot be read. kLeftOut: the mirror must not have
  /// it. kToAsk: it must be read by key.
  static constexpr std::uint64_t kUnread = 0, kLeftOut = 1, kToAsk = 2;

  std::int64_t run() const { return run_; }
  /// Begins a run. Its number is on disk when this returns.
  absl::StatusOr<std::int64_t> BeginRun();

  /// Absent: the table had no look yet.
  absl::StatusOr<std::optional<Table>> Find(const std::string& name);
  /// Returns all tables, by name.
  absl::StatusOr<std::vector<Table>> List();
  /// Returns the run of the last sending; absent: never sent.
  absl::StatusOr<std::optional<std::int64_t>> LastSent(const Table& table);
  /// Sets the value at which the next look begins. Errors: kNotFound.
  absl::Status SetPointer(const std::string& name, const KeyPart& pointer);
  /// Does the same for the feed of its deletes. Entries that were already noted are noted again.
  absl::Status SetDeletesPointer(const std::string& name, const KeyPart& pointer);
  /// Returns the table, and adds it if it is missing. If the form, the number of key columns or `by_column`
  /// differs, the table's records are deleted, and its floor becomes the last run.
  absl::StatusOr<Table> Prepare(const std::string& name, const std::string& form, std::size_t key_parts,
                                bool by_column = false);
  /// Deletes the records of tables that are not in `names`.
  absl::Status Retain(const std::vector<std::string>& names);

  /// Numbers of rows that were noted after `from`.
  struct Noted {
    std::uint64_t inserts = 0, updates = 0, deletes = 0;
    std::uint64_t Count() const { return inserts + updates + deletes; }
  };
  absl::StatusOr<Noted> CountNoted(const Table& table, std::int64_t from);
  /// A row that was noted after `from`.
  struct Note {
    Key key;
    bool gone = false;
    bool born = false;   ///< It was also inserted after `from`: the mirror may lack it.
    bool asked = false;  ///< It is not known whether the row changed or exists: read it by key.
    /// Indexes of changed columns, in order; empty: they are not known.
    std::vector<std::uint32_t> columns = {};
  };
  /// Returns the next notes in key order, at most `most`. `behind`: the last key returned before; empty:
  /// begins with the first note.
  absl::StatusOr<std::vector<Note>> ReadNoted(const Table& table, std::int64_t from, const Key& behind,
                                              std::size_t most);

  /// Returns the common target of tables that are about to be sent: a run above `highest` and above all
  /// earlier runs. It is on disk when this returns.
  absl::StatusOr<Position> Begin(const std::vector<std::string>& tables, std::int64_t highest);
  /// Target of the last Begin().
  const Position& target() const { return target_; }
  absl::StatusOr<Standing> Judge(const std::string& name, const Position& position);
  /// Returns whether the position was a target of the table and is not forgotten.
  absl::StatusOr<bool> Sent(const std::string& name, const Position& position);
  /// Treats the remembered rows as the mirror's state at `position`. Rows that a later look left out are not:
  /// the mirror may have them. False: this is not possible, or no rows are remembered.
  absl::StatusOr<bool> Adopt(const std::string& name, const Position& position);
  /// Forgets targets sent before `before_ms` that are below the mirror's durable position.
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
  std::int64_t begun_ = 0;  ///< Set by the last BeginRun().
  Position target_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_STATE_H_
