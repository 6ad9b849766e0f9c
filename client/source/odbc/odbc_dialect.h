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

/// What the text is that a value comes as.
enum class OdbcForm : std::uint8_t {
  kText,
  kBool,
  kInteger,
  kReal,
  kSingle,     ///< A number of 4 bytes.
  kDecimal,    ///< Kept as it is written.
  kDate,       ///< 2024-12-31
  kTime,       ///< 23:59:59.999999
  kTimestamp,  ///< Both, with a space or a T between them.
  kUuid,
  kBytes,   ///< The bytes themselves.
  kTagged,  ///< A letter, and what it says behind it: i 1, r 1.5, t text, b and x hexadecimal digits.
};

/// A column as the source has it, and how it is read.
struct OdbcColumn {
  std::int64_t number = 0;  ///< Tells it from the table's other columns.
  std::uint32_t type = 0;   ///< Another number: its type was changed.
  std::string type_name;    ///< For people.
  Column wire;              ///< As it is announced when no value is known that says otherwise.
  OdbcForm form = OdbcForm::kText;
  std::string value;                     ///< SQL over the row t that gives it in that form.
  OdbcForm wide_form = OdbcForm::kText;  ///< This and the next two: once it is announced as ANY.
  std::string wide_value;
  Affinity wide_affinity = Affinity::kText;
  /// SQL over the row t, and over a "?" that has a value's text, as they are compared for equality; and once
  /// it is announced as ANY.
  std::string name, place = "?", wide_name, wide_place = "?";
  bool numbers_sort = false;  ///< `name` compares as the numbers, days or times that it holds.
  /// The same that compares texts by their bytes; empty: nothing does.
  std::string sorted_name, sorted_place = "?";
  std::string is_null;  ///< SQL over the row t: it has no value.
  friend bool operator==(const OdbcColumn&, const OdbcColumn&) = default;
};

/// One term of the order in which a table is read page by page.
struct OdbcPageTerm {
  std::string name;         ///< SQL over the row t, as it is compared and sorted.
  std::string value;        ///< SQL over the row t that gives it as a text.
  std::string place = "?";  ///< SQL over a "?" that has that text.
  bool is_integer = false;  ///< The "?" is one.
  friend bool operator==(const OdbcPageTerm&, const OdbcPageTerm&) = default;
};

/// A table as the catalogs have it.
struct OdbcTable {
  std::uint64_t id = 0;  ///< Of the table, where the source has one.
  /// SourceTable::identity, where `id` is none and the source has another mark of when it was made.
  std::uint64_t identity = 0;
  std::string name;
  std::string from;    ///< What stands behind FROM: its rows, called t.
  std::string quoted;  ///< Its name as it stands in SQL.
  std::vector<OdbcColumn> columns;
  std::vector<std::string> left_out;  ///< Columns that the database computes.
  std::vector<std::uint32_t> key;     ///< Places of the primary key's columns in `columns`.
  bool drops_null_key = false;        ///< The key's columns may be NULL in spite of being a key.
  std::string select_words;           ///< What stands behind SELECT, before the columns.
  std::vector<OdbcPageTerm> pages;    ///< Each page is a statement of its own; none: all is one.
  std::vector<std::string> notes;     ///< What people should know of it, without its name.
  std::string problem;                ///< Why it cannot be read; empty: it can.
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

/// What the source says of itself.
struct OdbcPlace {
  std::string identity;  ///< See SourceMark.database.
  std::string name;      ///< Where it is, for people.
  std::string user;
  std::vector<std::string> notes;  ///< What people should know of the whole source.
};

/// How one kind of database is asked, so that its drivers have nothing to convert. It keeps nothing of a
/// source: it is asked again for each connection. Threads: one.
class OdbcDialect {
 public:
  virtual ~OdbcDialect() = default;

  /// As the configuration calls it.
  virtual const char* name() const = 0;
  /// Options of the driver, for connections that read rows, beside those of AddFileOptions().
  virtual void AddOptions(const std::string& driver, odbc::ConnectionString* to) const = 0;
  /// Of a new connection: everything that the text of a value depends on.
  virtual absl::Status Prepare(odbc::Connection& connection) const = 0;
  virtual absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const = 0;
  /// By id or name. `only`: that table alone, by name; none when it is not there.
  virtual absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                        const std::string* only = nullptr) const = 0;

  /// Of a database where OdbcTable::identity is the whole second in which a table was made: the milliseconds
  /// of its clock. 0: it tells tables apart in another way.
  virtual absl::StatusOr<std::int64_t> CreationClock(odbc::Connection& connection) const {
    (void)connection;
    return 0;
  }

  /// The reading of a table begins: from here to End() its definition stays as it is, as far as the database
  /// can have that, and the rows of all its pages are of one moment where the database gives that to readers
  /// who keep nobody waiting.
  virtual absl::Status Begin(odbc::Connection& connection, const OdbcTable& table) const = 0;
  /// Errors: what became of it is not known, and the connection is used no more.
  virtual absl::Status End(odbc::Connection& connection) const = 0;
  /// What differs once somebody has written; asked between Begin() and the first page, and behind each page.
  /// Empty: that cannot be noticed, or need not be.
  virtual absl::StatusOr<std::string> WriteMark(odbc::Connection& connection) const {
    (void)connection;
    return std::string();
  }
  /// Behind a statement that is to give so many rows; empty: the driver is told.
  virtual std::string Limit(std::size_t rows) const {
    (void)rows;
    return "";
  }
};

enum class OdbcDialectKind : std::uint8_t { kAuto, kPostgres, kMysql, kSqlite, kGeneric };

/// "auto", "postgres", "mysql", "sqlite"; any other word is "generic".
OdbcDialectKind OdbcDialectNamed(std::string_view word);

/// Adds the options of every connection: those without which the drivers leave files behind that nobody asked
/// for. `driver`: as an earlier connection told it; empty: there was none, and only `to` and `kind` say what
/// the driver is.
void AddFileOptions(OdbcDialectKind kind, const std::string& driver, odbc::ConnectionString* to);

/// Of a connection's own database, when `kind` is kAuto.
std::unique_ptr<OdbcDialect> MakeOdbcDialect(OdbcDialectKind kind, const odbc::Connection& connection,
                                             const std::string& schema);

// Each in its own file. `schema`: see OdbcReaderOptions.
std::unique_ptr<OdbcDialect> MakeOdbcPostgres(std::string schema);
std::unique_ptr<OdbcDialect> MakeOdbcMysql();
std::unique_ptr<OdbcDialect> MakeOdbcSqlite();
std::unique_ptr<OdbcDialect> MakeOdbcGeneric(std::string schema);

/// Calls `take` with each of the rows, up to the last one.
template <typename Take>
absl::Status ForEachRow(absl::StatusOr<std::unique_ptr<odbc::RowStream>> rows, const Take& take) {
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> more = (*rows)->Step();
  for (; more.ok() && *more; more = (*rows)->Step()) take(**rows);
  return more.status();
}

/// A number that tells types apart.
std::uint32_t OdbcTypeNumber(const std::string& type);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_
