#ifndef MIRROR_TESTS_SUPPORT_ROWS_H_
#define MIRROR_TESTS_SUPPORT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

struct sqlite3;

namespace mirror {
namespace v1 {
class ChangeBatch;
}

/// One value: what a test puts into a batch, and what it reads back from a mirror. Two are equal when kind
/// and every bit are.
struct Cell {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;
  std::uint64_t large_id = 0;  ///< Not 0: the bytes travel in parts, `large_size` of them.
  std::uint64_t large_size = 0;

  Cell() = default;
  Cell(std::nullptr_t) {}
  Cell(int value) : kind(Kind::kInteger), integer(value) {}
  Cell(std::int64_t value) : kind(Kind::kInteger), integer(value) {}
  Cell(double value) : kind(Kind::kReal), real(value) {}
  Cell(const char* text) : kind(Kind::kText), bytes(text) {}
  Cell(std::string text) : kind(Kind::kText), bytes(std::move(text)) {}
  friend bool operator==(const Cell& a, const Cell& b);
  friend bool operator<(const Cell& a, const Cell& b);
};
Cell Blob(std::string bytes);
Cell RawText(std::string bytes);
Cell Large(std::uint64_t value_id, std::uint64_t size, Kind kind = Kind::kBlob);
void PrintTo(const Cell& cell, std::ostream* out);

using Row = std::vector<Cell>;
using Rows = std::vector<Row>;

// --- Tables
// -------------------------------------------------------------------------------------------------

Column KeyColumn(std::string name, Type type, std::uint32_t position = 1);
/// Nullable, and with what its type asks for: DECIMAL(38, 10), seven digits of a second, no affinity.
Column PlainColumn(std::string name, Type type);
Column AnyColumn(std::string name, Affinity affinity);
TableSchema NamedTable(std::string name, std::vector<Column> columns);
/// id INT64 key, name TEXT, age INT32.
TableSchema People(const std::string& name = "people");
/// a INT32 and b TEXT are the key, v TEXT.
TableSchema Pairs(const std::string& name = "pairs");
/// name TEXT, age INT32, no key.
TableSchema Keyless(const std::string& name = "keyless");

// --- Batches
// ------------------------------------------------------------------------------------------------

struct BatchSpec {
  Operation operation = Operation::kInsert;
  Rows rows;
  std::vector<std::string> columns;  ///< Those of `rows`; empty: all, or of a DELETE those of the key.
  std::uint64_t seq = 1;
  std::int64_t base_lsn = -1;
  PopulateReason populate = PopulateReason::kNone;
  Position target{Lsn{10}, "line"};
  std::optional<Position> commit;
  std::optional<std::uint64_t> commit_batches;  ///< Absent: `seq`, as is right.
  std::optional<std::string> schema_hash;       ///< Absent: the table's own.
  std::optional<Planned> planned;
  std::int64_t source_ms = 0;  ///< Of the commit.
};

/// A batch that went through the codec, with the message that its views look into.
struct TestBatch {
  std::shared_ptr<const TableSchema> schema;
  std::shared_ptr<const v1::ChangeBatch> message;
  absl::StatusOr<ChangeBatch> batch;  ///< The codec may have refused it.
  std::uint64_t message_seq() const;
};
TestBatch MakeBatch(const TableSchema& table, const BatchSpec& spec);

// --- Mirrors as others see them
// -----------------------------------------------------------------------------

/// A folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A connection that is not the server's: the partner's program, or a DBA at work.
class Partner {
 public:
  explicit Partner(const std::string& path, bool read_only = false);
  ~Partner();
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;

  /// All rows of the answer. Throws std::runtime_error with what SQLite said.
  Rows Ask(const std::string& sql);
  void Run(const std::string& sql) { Ask(sql); }
  /// The only value of the only row.
  Cell One(const std::string& sql);

 private:
  sqlite3* handle_ = nullptr;
};

/// Rows of `table` as a partner reads them, with the columns in the order of the schema, sorted.
Rows ReadMirror(const std::string& path, const TableSchema& table);
Rows Sorted(Rows rows);

/// A text that no compression makes shorter, without quotes; another one for each length.
inline std::string Incompressible(std::size_t bytes) {
  std::string text;
  for (std::uint64_t state = bytes; text.size() < bytes; text += static_cast<char>('(' + (state >> 33) % 50))
    state = state * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
  return text;
}

/// The seed of a random test: MIRROR_TEST_SEED, or a new one. Printed.
std::uint64_t TestSeed();
/// A number of the environment, `otherwise` when it is not given.
std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_ROWS_H_
