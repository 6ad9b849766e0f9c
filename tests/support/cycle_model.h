#ifndef MIRROR_TESTS_SUPPORT_CYCLE_MODEL_H_
#define MIRROR_TESTS_SUPPORT_CYCLE_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

// What the random test knows by itself: a source with a change log and backups, and what a mirror must hold.
// Written from the protocol, not from the server.

namespace mirror::model {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Below(std::uint64_t limit) { return engine_() % limit; }
  std::int64_t Any64() { return static_cast<std::int64_t>(engine_()); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  template <typename T>
  void Shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }
  template <typename T>
  auto& Pick(T& values) {
    return *std::next(values.begin(), static_cast<std::ptrdiff_t>(Below(values.size())));
  }

 private:
  std::mt19937_64 engine_;
};

/// A value as the source has it.
struct Cell {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;
  friend bool operator==(const Cell&, const Cell&) = default;
};
using Row = std::vector<Cell>;

/// Storage class and value as SQLite holds them: "N", "I-5", "R0.5", "Ttext", "Bbytes".
std::string Stored(const Column& column, const Cell& cell);
/// What two rows with the same key have in common: 1 and 1.0 are one key.
std::string KeyText(const std::vector<std::string>& stored_key);
/// All rows as SQLite holds them, by key; rows without a key by a running number.
using StoredRows = std::map<std::string, std::vector<std::string>>;
/// For people: bytes that are not printable as \xNN.
std::string Printable(const std::string& text);

// --- The source ---------------------------------------------------------------

struct LogEntry {
  std::int64_t lsn = 0;
  std::string key;
  Row key_cells;
  bool whole = false;               ///< The row came or went.
  std::set<std::uint64_t> touched;  ///< Columns by uid.
};

struct SourceTable {
  TableSchema schema;
  std::vector<std::uint64_t> uids;  ///< Of schema.columns; also where no column_id is announced.
  std::map<std::string, Row> rows;  ///< By KeyText, or by a running number.
  std::vector<LogEntry> log;
  std::int64_t log_begins = 0;  ///< What happened up to here the log does not know.
  std::int64_t changed = 0;     ///< LSN of the last change.

  bool keyed() const { return !schema.Key().empty(); }
  Row KeyCells(const Row& row) const;
  std::string KeyOf(const Row& row) const;
  StoredRows Rows() const;
};

/// One change of a definition, for the server's expected action.
enum class SchemaChange { kInPlace, kRepopulate, kEither };

/// What becomes of a key between two positions.
struct NetChange {
  enum Kind { kInsert, kUpdate, kDelete } kind = kInsert;
  Row key_cells;
  std::string key;
  std::set<std::uint64_t> touched;
};

/// Copying it is a backup of the source's database, assigning a copy a restore.
class Source {
 public:
  /// `any_keys`: values of every kind may stand in a key; else they do so rarely.
  explicit Source(Dice& dice, bool any_keys = true);

  void ChangeRows(Dice& dice);
  void ChangeRows(Dice& dice, SourceTable& table);
  void ChangeSchema(Dice& dice);
  /// Forgets the log of a table up to `lsn`.
  void Trim(const std::string& table, std::int64_t lsn);

  /// Writes down a position for what is there now, and gives it.
  Position Record(Dice& dice);
  bool Knows(const Position& position) const;
  /// After a restore: the mirror may know later definitions, or earlier ones.
  void DefinitionsMayDiffer();

  static std::vector<NetChange> Fold(const SourceTable& table, std::int64_t since);

  std::map<std::string, SourceTable> tables;  ///< By folded name.
  /// What happened to each table's definition since it was announced; by folded name.
  std::map<std::string, std::vector<SchemaChange>> schema_changes;
  std::int64_t lsn = 0;
  std::uint64_t schema_version = 0;

 private:
  SourceTable MakeTable(Dice& dice, const std::string& name);
  void AddTable(Dice& dice, const std::string& name);
  void ChangeDefinition(Dice& dice, SourceTable& table);
  void AddColumn(Dice& dice, SourceTable& table);
  void Write(SourceTable& table, const std::string& key, const Row& key_cells, bool whole,
             std::set<std::uint64_t> touched);
  void Rekey(SourceTable& table);

  std::string NewName(Dice& dice);

  bool any_keys_ = true;

  std::set<std::pair<std::int64_t, std::string>> record_;
  /// Shared by all copies: no restore makes a name or an id come back for something else.
  std::shared_ptr<std::uint64_t> numbers_ = std::make_shared<std::uint64_t>(0);
};

// --- Batches -------------------------------------------------------------------

/// What is made wrong about a batch.
enum class Spoil {
  kNone,
  kNull,
  kRowCount,
  kTwice,
  kColumn,
  kLengths,
  kHash,
  kBase,
  kCommit,
};

/// A batch before it is encoded.
struct OutBatch {
  std::string table;
  std::string hash;
  std::shared_ptr<const TableSchema> schema;
  std::uint64_t seq = 0;
  Lsn base;
  Position target;
  PopulateReason populate = PopulateReason::kNone;
  Operation operation = Operation::kInsert;
  std::vector<std::uint32_t> columns;
  std::vector<Row> rows;
  std::vector<Row> whole_rows;  ///< UPDATE: the same rows whole, for those that the endpoint misses.
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> large;  ///< {row, column} to value_id.
  std::optional<CommitMark> commit;
  Spoil spoil = Spoil::kNone;

  v1::ChangeBatch Encode() const;
  std::string Describe() const;
};

// --- The mirror ------------------------------------------------------------------

struct MirrorTable {
  std::string name;
  bool has_record = false;
  std::string hash;
  Position position;
  std::optional<Position> pending;
  std::uint64_t seq = 0;
  std::int64_t cycle = 0;
  enum State { kMirrored, kPopulating, kRepopulate, kStopped } state = kMirrored;
  bool counted = true;                ///< row_count is known.
  std::optional<TableSchema> agreed;  ///< Absent: no such table.
  TableSchema visible;                ///< What the table that readers see has.
  bool visible_known = true;          ///< False: altered while it was older than `agreed`.
  StoredRows rows;
  std::optional<StoredRows> shadow;
};

/// What happened to a batch.
struct Verdict {
  absl::StatusCode code = absl::StatusCode::kOk;
  bool repeated = false;
  bool more_missing = false;
  std::vector<std::uint32_t> missing;
};

/// Copying it is a copy of the mirror file.
class MirrorModel {
 public:
  void BeginCycle(std::int64_t new_cycle);
  void EndCycle();

  /// `refused_before`: a batch of the table was refused in the same request.
  Verdict Apply(std::int64_t of_cycle, const OutBatch& batch, bool refused_before);
  Verdict Advance(std::int64_t of_cycle, const std::string& table, Lsn base, const Position& position);
  void KeepPart(const std::string& table, std::uint64_t value_id, std::uint64_t offset,
                const std::string& data);

  /// What TableSchema did in place.
  void Alter(MirrorTable& table, const TableSchema& announced);
  void Invalidate(MirrorTable& table) { table.position = {}; }
  void Forget(const std::string& folded_name);

  std::map<std::string, MirrorTable> tables;  ///< By folded name.
  std::int64_t cycle = 0;
  bool active = false;
  std::int64_t progress_ms = 0;  ///< When the running cycle's last call was.
  bool paused = false;
  bool touched = false;
  std::string holder;
  std::string announced;
  std::set<std::string> refused;  ///< Tables of the running cycle, folded.

 private:
  bool Complete(const OutBatch& batch) const;
  void Write(const OutBatch& batch, StoredRows& rows, Verdict& verdict);

  std::map<std::pair<std::string, std::uint64_t>, std::string> parts_;
  std::uint64_t running_number_ = 0;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SUPPORT_CYCLE_MODEL_H_
