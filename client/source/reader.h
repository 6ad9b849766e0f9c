#ifndef MIRROR_CLIENT_SOURCE_READER_H_
#define MIRROR_CLIENT_SOURCE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/lsn.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {

/// What tells one source database from another, and from an older copy of itself.
struct SourceMark {
  /// Absolute, without symbolic links. Of a server's database: where it is reached, for people;
  /// not empty.
  std::string path;
  std::uint64_t device = 0;          ///< With `inode`: the file; another one at the same path was put there.
  std::uint64_t inode = 0;           ///< 0: the source has none.
  std::uint64_t change_counter = 0;  ///< Never goes back while the source lives; 0: the source has none.
  /// Which database a server says it is: the same one behind another address, another one at the same.
  /// Empty: it is the one at `path` of this machine.
  std::string database = {};
};

/// One table as its source announces it.
struct SourceTable {
  TableSchema schema;
  /// Why its rows cannot be sent, for people; empty: they can. It is announced all the same, or it would
  /// count as dropped.
  std::string problem;
  /// What the reader wants to know about it in the next run: keep it and hand it back. Empty: nothing.
  std::string record;
  /// Its rows are left for the next look, and why, for people; empty: they are there to be read.
  std::string later = {};
  /// There are rows that cannot be read, which a population would lack.
  bool unreadable = false;
  /// Differs when its rows are made otherwise of those of the source; empty: they are those.
  std::string steps = {};
  /// Of a table of files: when the last of them was written, unix nanoseconds. 0: its rows are as they are
  /// now.
  std::int64_t written_ns = 0;
  /// Its indexes and foreign keys; absent: they are not known.
  std::optional<SourceObjects> objects = {};
  /// Another number than in an earlier look: the table was dropped and made again under its name, or may have
  /// been. 0: the source cannot tell; schema.table_id counts then, where it has one.
  std::uint64_t identity = 0;
  /// Values of its rows have it announced otherwise than the source declares it: a column as ANY or nullable,
  /// or the table without its key. Forget() has the next look find out whether they are still there.
  bool widened = false;
  /// A sentence for people that names no value: which column of its key is announced as ANY because of its
  /// values, and which values those may be. Empty: there is none.
  std::string wide_key = {};
};

/// A table that cannot even be announced.
struct RefusedTable {
  std::string name;  ///< As it can be shown.
  std::string reason;
};

struct SourceSchema {
  std::vector<SourceTable> tables;
  std::vector<RefusedTable> refused;
  std::vector<RefusedTable> blocked;       ///< By the configuration, with its reason.
  std::vector<std::string> idle_patterns;  ///< Of `include` and `skip`, that no table matches.
  std::vector<std::string> notes;          ///< What the person should know; mostly none.
};

/// Takes values that are too long for a batch, piece by piece.
class LargeSink {
 public:
  virtual ~LargeSink() = default;
  /// A number for one more value of the table that is being read.
  virtual std::uint64_t NewValue() = 0;
  /// The next piece of a value of the column with this index, 1 byte to kPartBytesMax; `offset` is the length
  /// of all pieces before it.
  virtual absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                            std::string_view data) = 0;
};

/// How much a block takes.
struct BlockSize {
  std::size_t bytes = 1'000'000;  ///< About; one row may weigh more.
  std::size_t rows = 200'000;     ///< Never more.
};

/// The rows of one table, from the first to the last, in key order where the source can give it cheaply.
///
/// Memory: one block, and for a long value one piece of it (all of it where the source cannot read in
/// pieces). Locks: none is held between two calls that would keep the source's own programs from writing, nor
/// while the sink is called.
class TableReader {
 public:
  virtual ~TableReader() = default;

  /// Appends rows to `block` until it has `size` or the table is at its end. Values over 4 MB go to
  /// `sink` before the call returns, and stand in the block as LargeValue. True: call again.
  ///
  /// False means: these were all the rows of one moment. An error takes that back for every row given before:
  ///   kAborted   the table moved meanwhile, or no longer fits what was announced: take the schema again,
  ///   announce
  ///              it and read from the beginning
  ///   others     this table cannot be read; the message says why and what to do
  virtual absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) = 0;

  /// After the last row: what the person should know of the rows; mostly nothing.
  virtual std::vector<std::string> Notes() { return {}; }
  /// Of what Notes() tells: rows without a key that can be read were left out.
  virtual bool partial() const { return false; }

  /// After the last row, of a table whose net changes do not follow: the position to commit, which covers
  /// all that the rows show. `target` was recorded before the first one was read.
  virtual absl::StatusOr<Position> Seal(const Position& target) { return target; }
};

/// Rows of one operation.
struct ChangeBlock {
  Operation operation = Operation::kUnspecified;
  RowBlock rows;
};

/// Some of the net changes of a table.
struct ChangePiece {
  std::vector<ChangeBlock> blocks;  ///< To be applied in this order: deletes, updates, inserts. Maybe none.
  Position target;                  ///< Under which they may be sent, and no earlier piece's.
  bool last = false;                ///< With these the table is at `target`.
  /// Of the first piece, when others follow: all that they have in all, where that is known before.
  std::optional<Planned> planned = {};
  /// With `planned`, or of the last piece: rows of the table at that moment, where they were counted.
  std::optional<std::uint64_t> rows_now = {};
  std::optional<std::uint64_t>
      row_count;  ///< Of the last piece: rows of the table then, where that is cheap.
};

/// The net changes of one table since a position, by key. A key that is changed while they are read may be
/// given once more.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;
  /// About `size`. Long values go to `sink` before the call returns. Errors: as TableReader::Next.
  virtual absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) = 0;
};

/// Rows that follow each other in key order, as one.
struct DigestPiece {
  RangeDigest digest;
  Key first, last;   ///< Of its rows; empty without rows, and for a table without a key.
  bool end = false;  ///< These were the last rows.
  /// Where each row was asked for.
  std::vector<std::pair<Key, std::uint64_t>> rows = {};
  KeyPart greatest;  ///< Of a bounded scan: of the bound's column; kNull: no row was given.
  /// Of a scan by columns, for each of `rows`: 8 bytes for each column, which tell its values apart. Then the
  /// row's digest is over them.
  std::vector<std::string> by_column = {};
  std::vector<Key> untold = {};  ///< Of rows that are there and cannot be taken.
  bool partial = false;          ///< There are such rows without a key: none that did not come is gone.
  std::vector<std::string> notes = {};  ///< With `end`: what the person should know of them.
};

/// Which rows of a table are looked at: those whose value of a column is `from` or greater, as KeyPart
/// compares them, DECIMAL as the numbers that they are. A row without a value there is none of them.
struct RowBound {
  std::uint32_t column = 0;
  KeyPart from;
  /// Columns whose values are given as the key of each row, repeated ones, too; empty: the table's own.
  std::vector<std::uint32_t> key = {};
  bool left_out = false;   ///< Instead: rows that the table's `where` leaves out.
  bool by_column = false;  ///< As ScanByColumn().
};

/// The digests of a table's rows, see DigestRangesResponse, in the order of KeyRange; those of a table
/// without a key in any order. A row that is changed meanwhile may be given as it was or as it is.
class DigestReader {
 public:
  virtual ~DigestReader() = default;
  /// The next `rows` rows, or fewer at the end. `each`: also each for itself; for tables with a key.
  /// Errors: as TableReader::Next.
  virtual absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) = 0;
  /// Goes on behind `key`; an empty one is before all. Not for tables without a key.
  virtual absl::Status Seek(const Key& key) = 0;
};

/// Rows with the key of another one. Read() and Scan() give each of them: to leave them out there would take
/// the memory or the sorting of all keys, which the look at all rows (source/capture) has anyway.
enum class RepeatedKeys {
  kNever,     ///< The source lets none in.
  kMistake,   ///< Which of them Digests() and RowsOf() give nobody can tell.
  kFirst,     ///< Digests() and RowsOf() give the first of each key; the others are told.
  kVersions,  ///< The same, but the others are older versions and nothing to tell.
};

/// A source database, read and never written. What follows hides which kind it is.
///
/// Threads: one.
class SourceReader {
 public:
  virtual ~SourceReader() = default;

  virtual SourceMark Mark() const = 0;

  /// The tables that the configuration asks for, without looking at their rows.
  virtual absl::StatusOr<std::vector<std::string>> TableNames() = 0;

  /// Takes a fresh look at the source; everything that follows is about this look. Ends every TableReader.
  /// The first look at a table reads all of it, to find the types of its values. Errors: the source cannot be
  /// read; a sentence that says what to do.
  virtual absl::StatusOr<SourceSchema> Schema() = 0;

  /// A look at the rows of a table of Schema() that was left until they are read to be sent is taken now.
  /// Errors: as those of Schema(), and kAborted: the table moved.
  virtual absl::Status TakeLook(const std::string& table) {
    (void)table;
    return absl::OkStatus();
  }

  /// Rows of a table of Schema(). Exact when nothing writes meanwhile.
  virtual absl::StatusOr<std::uint64_t> CountRows(const std::string& table) = 0;

  /// The rows of a table of Schema(); of each the columns with these indexes.
  virtual absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                            const std::vector<std::uint32_t>& columns) = 0;

  /// What it is when rows of a table of Schema() have the key of another one.
  virtual RepeatedKeys RepeatedKeysOf(const std::string& table) {
    (void)table;
    return RepeatedKeys::kNever;
  }

  /// The net changes of a table of Schema() behind `from`, for sources with a log that names the table's
  /// rows. `whole_rows`: also of rows that were only updated all columns, as inserts.
  /// `count_all`: the last piece has the number of rows of a long table, too, where that is of one moment.
  /// `also`: keys that count as changed; goes with `whole_rows`.
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                                const std::vector<std::uint32_t>& columns,
                                                                bool whole_rows, bool count_all,
                                                                std::vector<Key> also) {
    (void)from, (void)columns, (void)whole_rows, (void)count_all, (void)also;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' has no change log"));
  }

  /// Digests over these columns of the rows of a table of Schema(); those of its key are among them.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                                const std::vector<std::uint32_t>& columns) {
    (void)columns;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be compared by digests"));
  }

  /// The same in any order, as it is quickest, to find what changed.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                             const std::vector<std::uint32_t>& columns) {
    return Digests(table, columns);
  }

  /// The same, also with what tells the values of each column apart.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) {
    (void)columns;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be compared column by column"));
  }

  /// The rows within a bound, in any order.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                                 const std::vector<std::uint32_t>& columns,
                                                                 const RowBound& bound) {
    (void)columns, (void)bound;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be read in parts"));
  }
  struct ColumnFacts {
    KeyPart least, greatest;  ///< kNull: no row has a value.
    std::uint64_t nulls = 0;  ///< Rows without one.
    bool unreadable = false;  ///< There are rows that cannot be read.
    /// Why its values have no order that can be relied on, for people; empty: they have one.
    std::string trouble = {};
  };
  virtual absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) {
    (void)column;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be read in parts"));
  }

  /// Where rows repeat the key of an earlier row, for people: one text for each of `keys`, as "line 9 has the
  /// key of line 2". Empty where the places are not known.
  virtual std::vector<std::string> PlacesOf(const std::string& table, const std::vector<Key>& keys) {
    (void)table, (void)keys;
    return {};
  }

  /// From here on rows are read from the source itself, not from a copy made before.
  virtual void LeaveCopies() {}

  /// Drops what was learned about the table; the next Schema() looks anew.
  virtual void Forget(const std::string& table) { (void)table; }

  /// Whether the source pays for rows that were not read yet: what is open to read them keeps its own log
  /// from being emptied. `closed_later`: of a population that the net changes close.
  virtual bool HoldsLog(bool closed_later) const {
    (void)closed_later;
    return false;
  }
  /// What is read from here until LeaveMoment() is of the moment of this call, in all tables. False: the
  /// source does not do that for the asking, and nothing is held.
  /// `with_changes`: net changes are among it; of some sources nothing else can be of one moment.
  virtual absl::StatusOr<bool> HoldMoment(bool with_changes) {
    (void)with_changes;
    return false;
  }
  /// Later reads may see a later moment than earlier ones; no lock or snapshot is held in between.
  virtual void LeaveMoment() {}

  /// Keys of one RowsOf() where there are many.
  virtual std::size_t KeysAtATime() const { return 10'000; }
  /// The rows with these keys as they are now, whole, as inserts; those that are not there as deletes. The
  /// pieces have neither target nor number of rows.
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                               const std::vector<std::uint32_t>& columns,
                                                               std::vector<Key> keys) {
    (void)columns, (void)keys;
    return absl::UnimplementedError(absl::StrCat("rows of table '", table, "' cannot be read by key"));
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_READER_H_
