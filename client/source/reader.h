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

/// Facts that distinguish a source database from another one, and from an older copy of itself.
struct SourceMark {
  /// Absolute path without symbolic links. For a database on a server: its address, for people. Never empty.
  std::string path;
  std::uint64_t device = 0;  ///< Device of the file. If `device` or `inode` differs, the file was replaced.
  std::uint64_t inode = 0;   ///< Inode of the file; 0: the source has none.
  std::uint64_t change_counter = 0;  ///< Never decreases while the source lives; 0: the source has none.
  /// Identity that the server gives the database. It recognises the same database at another address, and
  /// another database at the same address. Empty: the database is the file at `path` on this machine.
  std::string database = {};
};

/// One table in the form that its source announces.
struct SourceTable {
  TableSchema schema;
  /// Why its rows cannot be sent, for people; empty: they can be sent. The table is announced in any case: a
  /// table that is not announced would count as dropped.
  std::string problem;
  /// Data for the reader's next run about this table: store it and pass it back. Empty: nothing.
  std::string record;
  /// Why its rows are left for the next look, for people; empty: the rows can be read now.
  std::string later = {};
  /// Some rows cannot be read; a population would lack them.
  bool unreadable = false;
  /// Differs when the steps that turn the source's rows into the sent rows differ; empty: there are none.
  std::string steps = {};
  /// For a table of files: when the newest of them was written, unix nanoseconds. 0: the rows are the current
  /// ones.
  std::int64_t written_ns = 0;
  /// Its indexes and foreign keys; absent: not known.
  std::optional<SourceObjects> objects = {};
  /// Number that differs from that of an earlier look if the table was, or may have been, dropped and created
  /// again under its name. 0: the source cannot tell; then schema.table_id is compared, where the source has
  /// one.
  std::uint64_t identity = 0;
  /// Some values do not fit the source's declaration. Therefore a column is announced as ANY or nullable, or
  /// the table is announced without its key. After Forget() the next look checks whether such values still
  /// exist.
  bool widened = false;
  /// A sentence for people that contains no value: which key column is announced as ANY because of its
  /// values, and which values those may be. Empty: there is none.
  std::string wide_key = {};
};

/// A table that cannot be announced at all.
struct RefusedTable {
  std::string name;  ///< In a printable form.
  std::string reason;
};

struct SourceSchema {
  std::vector<SourceTable> tables;
  std::vector<RefusedTable> refused;
  std::vector<RefusedTable> blocked;       ///< Blocked by the configuration, each with its reason.
  std::vector<std::string> idle_patterns;  ///< Patterns of `include` and `skip` that match no table.
  std::vector<std::string> notes;          ///< Messages for the operator; mostly none.
};

/// Receives values that are too long for a batch, piece by piece.
class LargeSink {
 public:
  virtual ~LargeSink() = default;
  /// Returns a number for one more value of the table that is being read.
  virtual std::uint64_t NewValue() = 0;
  /// Takes the next piece of a value of the column with this index, 1 byte to kPartBytesMax. `offset`: the
  /// length of all pieces before it.
  virtual absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                            std::string_view data) = 0;
};

/// Size limits of a block.
struct BlockSize {
  std::size_t bytes = 1'000'000;  ///< Approximate; one row may exceed it.
  std::size_t rows = 200'000;     ///< A hard limit.
};

/// The rows of one table, from the first to the last; in key order where that is cheap for the source.
///
/// Memory: one block, and for a long value one piece of it, or all of it where the source cannot read
/// in pieces. Locks: between two calls, and while the sink is called, no lock is held that would block
/// the source's own writers.
class TableReader {
 public:
  virtual ~TableReader() = default;

  /// Appends rows to `block` until it has `size` or the table ends. Values over 4 MB go to `sink` before the
  /// call returns; the block then holds a LargeValue. True: call again.
  ///
  /// False: the table has ended, and all rows were of one moment. An error makes every row given before
  /// invalid:
  ///   kAborted   the table changed meanwhile, or no longer fits what was announced: take the schema again,
  ///              announce it and read from the beginning
  ///   others     this table cannot be read;
  ///              the message says why and what to do
  virtual absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) = 0;

  /// Messages for people about the rows, after the last row; mostly none.
  virtual std::vector<std::string> Notes() { return {}; }
  /// Part of what Notes() reports: rows whose key cannot be read were left out.
  virtual bool partial() const { return false; }

  /// Returns the position to commit, which covers everything that the rows show. Called after the last row
  /// when no net changes follow. `target` was recorded before the first row was read.
  virtual absl::StatusOr<Position> Seal(const Position& target) { return target; }
};

/// Rows that share one operation.
struct ChangeBlock {
  Operation operation = Operation::kUnspecified;
  RowBlock rows;
};

/// A part of the net changes of a table.
struct ChangePiece {
  std::vector<ChangeBlock> blocks;  ///< Apply in this order: deletes, updates, inserts. May be empty.
  Position target;                  ///< The target for these blocks, and for no earlier piece.
  bool last = false;                ///< After these changes the table is at `target`.
  /// In the first piece, when others follow: the totals of all pieces, where they are known in advance.
  std::optional<Planned> planned = {};
  /// With `planned`, or in the last piece: rows of the table at that moment, where they were counted.
  std::optional<std::uint64_t> rows_now = {};
  std::optional<std::uint64_t> row_count;  ///< In the last piece: rows of the table at that moment, if cheap.
};

/// The net changes of one table since a position, by key. A key that changes while they are read may be given
/// twice.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;
  /// Returns about `size`. Long values go to `sink` before the call returns. Errors: see TableReader::Next.
  virtual absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) = 0;
};

/// Consecutive rows in key order, summed up in one digest.
struct DigestPiece {
  RangeDigest digest;
  Key first, last;   ///< First and last key of the piece; empty without rows, and without a key.
  bool end = false;  ///< These were the last rows.
  /// Key and digest of each row, when `each` was asked for.
  std::vector<std::pair<Key, std::uint64_t>> rows = {};
  KeyPart greatest;  ///< In a bounded scan: the bound column's greatest value; kNull: no row was given.
  /// In a scan by columns, for each of `rows`: 8 bytes per column, which differ for different values. The
  /// row's digest is then computed over these bytes.
  std::vector<std::string> by_column = {};
  std::vector<Key> untold = {};  ///< Keys of rows that exist and cannot be sent.
  bool partial = false;  ///< Some of these rows have no known key: a row that was not given may still exist.
  std::vector<std::string> notes = {};  ///< With `end`: messages for people about these rows.
};

/// Selects rows of a table: those whose value of a column is `from` or greater, compared as KeyPart does,
/// DECIMAL as numbers. Rows with NULL in that column are not selected.
struct RowBound {
  std::uint32_t column = 0;
  KeyPart from;
  /// Columns whose values are given as each row's key, repeated keys included; empty: the table's own key.
  std::vector<std::uint32_t> key = {};
  bool left_out = false;   ///< Selects instead the rows that the table's `where` leaves out.
  bool by_column = false;  ///< Give digests as ScanByColumn() does.
};

/// The digests of a table's rows, see DigestRangesResponse, in the order of KeyRange; without a key in any
/// order. A row that changes meanwhile may be given in its old or its new form.
class DigestReader {
 public:
  virtual ~DigestReader() = default;
  /// Returns the next `rows` rows, or fewer at the end. `each`: also a digest of each row, for tables with a
  /// key. Errors: see TableReader::Next.
  virtual absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) = 0;
  /// Continues after `key`; an empty key is before all rows. Not for tables without a key.
  virtual absl::Status Seek(const Key& key) = 0;
};

/// Meaning of several rows with the same key. Read() and Scan() give all such rows, because leaving some
/// out would need all keys in memory or sorted. The capture of all rows (client/source/capture) has all keys
/// anyway.
enum class RepeatedKeys {
  kNever,     ///< The source allows none.
  kMistake,   ///< Digests() and RowsOf() may give any row of the key.
  kFirst,     ///< Digests() and RowsOf() give the first row of each key; the others are reported.
  kVersions,  ///< As kFirst, but the others are older versions and are not reported.
};

/// A source database, read and never written. The interface hides the kind of source.
///
/// Threads: one.
class SourceReader {
 public:
  virtual ~SourceReader() = default;

  virtual SourceMark Mark() const = 0;

  /// Returns the tables that the configuration asks for, without reading their rows.
  virtual absl::StatusOr<std::vector<std::string>> TableNames() = 0;

  /// Takes a new look at the source, to which all later calls refer. Every earlier TableReader becomes
  /// invalid. The first look at a table reads all of it, to find the types of its values. Errors: the source
  /// cannot be read; the message says what to do.
  virtual absl::StatusOr<SourceSchema> Schema() = 0;

  /// Examines the rows of a table of Schema() now, if Schema() postponed that until the rows are sent.
  /// Errors: those of Schema(), and kAborted: the table changed.
  virtual absl::Status TakeLook(const std::string& table) {
    (void)table;
    return absl::OkStatus();
  }

  /// Returns the number of rows of a table of Schema(). Exact when nothing writes meanwhile.
  virtual absl::StatusOr<std::uint64_t> CountRows(const std::string& table) = 0;

  /// Reads the rows of a table of Schema(): of each row, the columns with these indexes.
  virtual absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                            const std::vector<std::uint32_t>& columns) = 0;

  /// Says what it means when rows of a table of Schema() share one key.
  virtual RepeatedKeys RepeatedKeysOf(const std::string& table) {
    (void)table;
    return RepeatedKeys::kNever;
  }

  /// Returns the net changes of a table of Schema() after `from`, for sources whose log has the table's rows.
  /// `whole_rows`: rows that were only updated are also given with all columns, as inserts.
  /// `count_all`: the last piece has the row count of a long table, too, where it is of one moment.
  /// `also`: keys that count as changed; requires `whole_rows`.
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                                const std::vector<std::uint32_t>& columns,
                                                                bool whole_rows, bool count_all,
                                                                std::vector<Key> also) {
    (void)from, (void)columns, (void)whole_rows, (void)count_all, (void)also;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' has no change log"));
  }

  /// Digests of the rows of a table of Schema(), over these columns, which include those of its key.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                                const std::vector<std::uint32_t>& columns) {
    (void)columns;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be compared by digests"));
  }

  /// As Digests(), in whichever order is fastest. Used to find changes.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                             const std::vector<std::uint32_t>& columns) {
    return Digests(table, columns);
  }

  /// As Scan(), with DigestPiece::by_column for each row.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) {
    (void)columns;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be compared column by column"));
  }

  /// Scans the rows within a bound, in any order.
  virtual absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                                 const std::vector<std::uint32_t>& columns,
                                                                 const RowBound& bound) {
    (void)columns, (void)bound;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be read in parts"));
  }
  struct ColumnFacts {
    KeyPart least, greatest;  ///< kNull: every row has NULL.
    std::uint64_t nulls = 0;  ///< Rows with NULL.
    bool unreadable = false;  ///< Some rows cannot be read.
    /// Why the order of its values is not reliable, for people; empty: it is reliable.
    std::string trouble = {};
  };
  virtual absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) {
    (void)column;
    return absl::UnimplementedError(absl::StrCat("table '", table, "' cannot be read in parts"));
  }

  /// Returns the places of rows that repeat the key of an earlier row, for people: one text for each of
  /// `keys`, such as "line 9 has the key of line 2". Empty: the places are not known.
  virtual std::vector<std::string> PlacesOf(const std::string& table, const std::vector<Key>& keys) {
    (void)table, (void)keys;
    return {};
  }

  /// Makes later calls read rows from the source itself, not from an earlier copy.
  virtual void LeaveCopies() {}

  /// Discards what was learned about the table; the next Schema() examines it again.
  virtual void Forget(const std::string& table) { (void)table; }

  /// Returns whether an open reading costs the source something: while rows are unread, the source cannot
  /// trim its log. `closed_later`: the population is completed by net changes.
  virtual bool HoldsLog(bool closed_later) const {
    (void)closed_later;
    return false;
  }
  /// Makes all reads until LeaveMoment() see all tables at the moment of this call. False: the source cannot
  /// do that on request, and holds nothing. `with_changes`: the moment includes net changes. Some sources can
  /// hold a moment only with net changes.
  virtual absl::StatusOr<bool> HoldMoment(bool with_changes) {
    (void)with_changes;
    return false;
  }
  /// Ends HoldMoment(). Later reads may see a later moment than earlier ones, and no lock or snapshot is held
  /// between them.
  virtual void LeaveMoment() {}

  /// The largest number of keys for one RowsOf() call.
  virtual std::size_t KeysAtATime() const { return 10'000; }
  /// Returns the current rows with these keys, with all columns, as inserts; keys without a row as deletes.
  /// The pieces have neither a target nor a number of rows.
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                               const std::vector<std::uint32_t>& columns,
                                                               std::vector<Key> keys) {
    (void)columns, (void)keys;
    return absl::UnimplementedError(absl::StrCat("rows of table '", table, "' cannot be read by key"));
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_READER_H_
