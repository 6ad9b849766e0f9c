#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/postgres/postgres_catalog.h"
#include "client/source/server/server_row_decoder.h"
#include "client/source/server/server_tables.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// How a value comes, in PostgreSQL's binary formats.
enum class PostgresValueForm : std::uint8_t {
  kText,  ///< The text that PostgreSQL gives for it.
  kBool,
  kInteger,  ///< Of 2, 4 or 8 bytes.
  kOid,
  kReal,
  kNumeric,
  kDate,
  kTime,
  kTimestamp,
  kUuid,
  kBytes,
};

/// As the column is announced when no value is known that says otherwise. `any_bytes`: the database has no
/// encoding, so that a text may be anything.
Column WireColumn(const PostgresColumn& column, bool any_bytes);

/// As it is announced once a value does not fit: it holds each one as PostgreSQL writes it; floats stay
/// numbers beside it.
void WidenPostgresColumn(Column* column);

/// The table for its `where`: every numeric is a DECIMAL there, and so a number, whatever it is announced as.
TableSchema StepsSchema(const PostgresTable& table, const TableSchema& schema);

/// How the values of a column come that is announced as `announced`.
PostgresValueForm FormOf(const PostgresColumn& column, const Column& announced);
/// What gives them: an expression over the row t.
std::string ValueSql(const PostgresColumn& column, const Column& announced);

/// A value of a key, as PostgreSQL reads it into the column's type.
std::string TextOfKeyPart(const Column& announced, const KeyPart& part);

/// That a row's value is `from` or greater, as KeyPart compares them: a condition over the row t that keeps
/// every such row, and may keep others. Empty: there is none.
std::string FromSql(const PostgresColumn& column, const Column& announced, const KeyPart& from,
                    bool bytes_in_order);

/// Also what was found of its leaves. Columns are those of PostgresColumn::number.
struct PostgresRecord : ServerRecord<std::int64_t, std::uint32_t> {
  std::set<std::uint32_t> leaves;  ///< Of a partitioned table, by their oids, when it was last looked at.
  std::uint64_t gone = 0;  ///< Another number whenever a leaf was dropped or detached; 0: none ever was.

  /// Takes the leaves that are there now.
  void TakeLeaves(std::set<std::uint32_t> now);
};
std::string ToString(const PostgresRecord& record);
/// What it does not understand it leaves out.
PostgresRecord ParsePostgresRecord(std::string_view text);

/// Rows of a table, from PostgreSQL's binary formats to the wire's values. Threads: one.
class PostgresRowDecoder : public ServerRowDecoder {
 public:
  /// How each column's values come, and as what it is announced.
  PostgresRowDecoder(std::vector<PostgresValueForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<PostgresValueForm> forms_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_
