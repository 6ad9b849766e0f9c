#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/odbc/connection.h"
#include "client/source/server/server_look.h"
#include "proto/wire/table.h"

namespace mirror {

/// The text form in which a value arrives.
enum class OdbcForm : std::uint8_t {
  kText,
  kBool,
  kInteger,
  kReal,
  kSingle,     ///< A number of 4 bytes.
  kDecimal,    ///< Keeps the written digits.
  kDate,       ///< 2024-12-31
  kTime,       ///< 23:59:59.999999
  kTimestamp,  ///< Both, with a space or a T between them.
  kUuid,
  kBytes,   ///< The bytes themselves.
  kTagged,  ///< A letter and its content: i 1, r 1.5, t text, b and x hexadecimal digits.
};

/// A column of the source, and how it is read.
struct OdbcColumn {
  std::int64_t number = 0;  ///< Unique among the table's columns.
  std::uint32_t type = 0;   ///< Changes when its type is changed.
  std::string type_name;    ///< For people.
  Column wire;              ///< The announcement, unless a known value does not fit it.
  OdbcForm form = OdbcForm::kText;
  std::string value;                     ///< SQL over the row t that gives the value in that form.
  OdbcForm wide_form = OdbcForm::kText;  ///< This and the next two: for a column announced as ANY.
  std::string wide_value;
  Affinity wide_affinity = Affinity::kText;
  /// SQL over the row t, and SQL over a "?" with a value's text, that are compared for equality; and the same
  /// for a column announced as ANY.
  std::string name, place = "?", wide_name, wide_place = "?";
  bool numbers_sort = false;  ///< `name` compares in the order of its numbers, days or times.
  /// The same with a byte-wise comparison of texts; empty: there is none.
  std::string sorted_name, sorted_place = "?";
  std::string is_null;  ///< SQL over the row t: whether it is NULL.
  friend bool operator==(const OdbcColumn&, const OdbcColumn&) = default;
};

/// One term of the order in which a table is read in pages.
struct OdbcPageTerm {
  std::string name;         ///< SQL over the row t in its form for comparison and order.
  std::string value;        ///< SQL over the row t that gives its text.
  std::string place = "?";  ///< SQL over a "?" with that text.
  bool is_integer = false;  ///< The "?" is an integer.
  friend bool operator==(const OdbcPageTerm&, const OdbcPageTerm&) = default;
};

/// A table in its form in the catalogs.
struct OdbcTable {
  std::uint64_t id = 0;  ///< Id of the table, if the source has one.
  /// SourceTable::identity, for a source without an `id` that has another sign of the table's creation.
  std::uint64_t identity = 0;
  std::string name;
  std::string from;    ///< The text after FROM: its rows, named t.
  std::string quoted;  ///< Its name in SQL.
  std::vector<OdbcColumn> columns;
  std::vector<std::string> left_out;  ///< Generated columns.
  std::vector<std::uint32_t> key;     ///< Places of the primary key's columns in `columns`.
  bool drops_null_key = false;        ///< Columns of the key may be NULL although they are a key.
  std::string select_words;           ///< The text between SELECT and the columns.
  std::vector<OdbcPageTerm> pages;    ///< Each page is one statement; empty: one statement reads all.
  std::vector<std::string> notes;     ///< Messages for people about it, without its name.
  std::string problem;                ///< Why it cannot be read; empty: it can be read.
  friend bool operator==(const OdbcTable&, const OdbcTable&) = default;
};

/// A table of a look.
struct KnownOdbcTable : KnownServerTable<OdbcTable> {
  bool IsWide(std::uint32_t column) const {
    return schema.columns[column].type == Type::kAny && table.columns[column].wire.type != Type::kAny;
  }
  const std::string& ValueSql(std::uint32_t column) const {
    return IsWide(column) ? table.columns[column].wide_value : table.columns[column].value;
  }
  OdbcForm FormOf(std::uint32_t column) const {
    return IsWide(column) ? table.columns[column].wide_form : table.columns[column].form;
  }
};

/// The source's description of itself.
struct OdbcPlace {
  std::string identity;  ///< See SourceMark.database.
  std::string name;      ///< Its address, for people.
  std::string user;
  std::vector<std::string> notes;  ///< Messages for people about the whole source.
};

/// Queries one kind of database so that its drivers need not convert anything. It stores nothing of a source;
/// each connection is queried again. Threads: one.
class OdbcDialect {
 public:
  virtual ~OdbcDialect() = default;

  /// Its name in the configuration.
  virtual const char* name() const = 0;
  /// Adds the driver's options for connections that read rows, beside those of AddFileOptions().
  virtual void AddOptions(const std::string& driver, odbc::ConnectionString* to) const = 0;
  /// Sets everything in a new connection that the text of a value depends on.
  virtual absl::Status Prepare(odbc::Connection& connection) const = 0;
  virtual absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const = 0;
  /// Returns tables by id or name. `only`: returns only the table of this name, or none if it is missing.
  virtual absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                        const std::string* only = nullptr) const = 0;

  /// For a database where OdbcTable::identity is the whole second of the table's creation: returns the
  /// milliseconds of its clock. 0: the database tells tables apart in another way.
  virtual absl::StatusOr<std::int64_t> CreationClock(odbc::Connection& connection) const {
    (void)connection;
    return 0;
  }

  /// Begins the reading of a table. Until End() its definition stays the same, as far as the database can
  /// ensure that. The rows of all its pages are of one moment, if the database gives that to readers which
  /// block no writer.
  virtual absl::Status Begin(odbc::Connection& connection, const OdbcTable& table) const = 0;
  /// Errors: the state of the session is unknown, and the connection is not used again.
  virtual absl::Status End(odbc::Connection& connection) const = 0;
  /// Returns a text that changes with every write; read between Begin() and the first page, and after each
  /// page. Empty: writes cannot be detected, or need not be.
  virtual absl::StatusOr<std::string> WriteMark(odbc::Connection& connection) const {
    (void)connection;
    return std::string();
  }
  /// Returns the text after a statement that limits its rows; empty: the driver gets the limit.
  virtual std::string Limit(std::size_t rows) const {
    (void)rows;
    return "";
  }
};

enum class OdbcDialectKind : std::uint8_t { kAuto, kPostgres, kMysql, kSqlite, kGeneric };

/// "auto", "postgres", "mysql", "sqlite"; any other word is "generic".
OdbcDialectKind OdbcDialectNamed(std::string_view word);

/// Adds the options of every connection without which the drivers leave unwanted files behind. `driver`:
/// name reported by an earlier connection; empty: there was none, and only `to` and `kind` tell the
/// driver.
void AddFileOptions(OdbcDialectKind kind, const std::string& driver, odbc::ConnectionString* to);

/// With kAuto: for the connection's own database.
std::unique_ptr<OdbcDialect> MakeOdbcDialect(OdbcDialectKind kind, const odbc::Connection& connection,
                                             const std::string& schema);

// Each is in its own file. `schema`: see OdbcReaderOptions.
std::unique_ptr<OdbcDialect> MakeOdbcPostgres(std::string schema);
std::unique_ptr<OdbcDialect> MakeOdbcMysql();
std::unique_ptr<OdbcDialect> MakeOdbcSqlite();
std::unique_ptr<OdbcDialect> MakeOdbcGeneric(std::string schema);

/// Calls `take` for each row, to the last one.
template <typename Take>
absl::Status ForEachRow(absl::StatusOr<std::unique_ptr<odbc::RowStream>> rows, const Take& take) {
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> more = (*rows)->Step();
  for (; more.ok() && *more; more = (*rows)->Step()) take(**rows);
  return more.status();
}

/// Returns a number that tells types apart.
std::uint32_t OdbcTypeNumber(const std::string& type);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_
