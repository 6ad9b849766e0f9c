#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/odbc/odbc_dialect.h"

namespace mirror {
namespace {

constexpr char kMysqlCatalogs[] = "reading its catalogs";

/// Settings that a value's text depends on, and settings that prevent blocking others.
constexpr const char* kMysqlSettings[] = {
    // MariaDB's driver refuses SET NAMES.
    ("SET SESSION character_set_client = utf8mb4, character_set_results = utf8mb4, "
     "character_set_connection = utf8mb4"),
    "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION lock_wait_timeout = 2, net_write_timeout = 3600, sql_big_selects = 1",
};

/// @these: a further condition. These columns are the same in MySQL and MariaDB.
constexpr char kMysqlColumns[] =
    "SELECT t.TABLE_NAME, t.ENGINE, t.TABLE_TYPE, c.COLUMN_NAME, c.ORDINAL_POSITION, c.DATA_TYPE, "
    "c.COLUMN_TYPE, c.NUMERIC_PRECISION, c.NUMERIC_SCALE, c.DATETIME_PRECISION, c.CHARACTER_SET_NAME, "
    "c.COLLATION_NAME, c.IS_NULLABLE, c.GENERATION_EXPRESSION, c.PRIVILEGES, "
    "UNIX_TIMESTAMP(t.CREATE_TIME) FROM information_schema.TABLES t JOIN information_schema.COLUMNS c ON "
    "c.TABLE_SCHEMA = t.TABLE_SCHEMA "
    "AND c.TABLE_NAME = t.TABLE_NAME WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
    "AND t.TABLE_SCHEMA = DATABASE()@these ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION";
constexpr char kMysqlKeys[] =
    "SELECT t.TABLE_NAME, t.COLUMN_NAME, t.SEQ_IN_INDEX FROM information_schema.STATISTICS t "
    "WHERE t.INDEX_NAME = 'PRIMARY' AND t.TABLE_SCHEMA = DATABASE()@these ORDER BY t.TABLE_NAME, "
    "t.SEQ_IN_INDEX";

std::string MysqlQuoted(const std::string& name) {
  return absl::StrCat("`", absl::StrReplaceAll(name, {{"`", "``"}}), "`");
}

OdbcForm MysqlOdbcForm(const Column& announced) {
  switch (MariadbFormOf(announced)) {
    case MariadbValueForm::kInteger:
      return OdbcForm::kInteger;
    case MariadbValueForm::kReal:
      return OdbcForm::kReal;
    case MariadbValueForm::kDecimal:
      return OdbcForm::kDecimal;
    case MariadbValueForm::kDate:
      return OdbcForm::kDate;
    case MariadbValueForm::kTimestamp:
      return OdbcForm::kTimestamp;
    case MariadbValueForm::kUuid:
      return OdbcForm::kUuid;
    case MariadbValueForm::kBytes:
      return OdbcForm::kBytes;
    case MariadbValueForm::kText:
      break;
  }
  return OdbcForm::kText;
}

/// Values that the driver converts, moments above all, are read as the server's text. The driver passes whole
/// numbers, DECIMAL, texts and bytes; the server converts every character set to UTF-8.
std::string MysqlOdbcSql(const MariadbColumn& column, const Column& announced, const std::string& name) {
  const MariadbValueForm form = MariadbFormOf(announced);
  if (form == MariadbValueForm::kBytes) return name;
  // FLOAT as text loses digits, and both types show fewer with a scale.
  if (form == MariadbValueForm::kReal) return absl::StrCat("CAST(CAST(", name, " AS DOUBLE) AS CHAR)");
  if (column.type == "bit" || (column.is_zerofill() && column.type == "bigint"))
    return absl::StrCat("CAST(CAST(", name, " AS UNSIGNED) AS CHAR)");
  if (column.is_zerofill() && announced.type == Type::kDecimal) {
    return absl::StrCat("CAST(CAST(", name, " AS DECIMAL(", announced.precision, ",", announced.scale,
                        ")) AS CHAR)");
  }
  const bool is_plain = (form == MariadbValueForm::kInteger && column.type != "year") ||
                        form == MariadbValueForm::kDecimal || !column.charset.empty();
  return is_plain ? name : absl::StrCat("CAST(", name, " AS CHAR)");
}

std::string MysqlPlace(const MariadbColumn& column, const OdbcColumn& made) {
  switch (made.form) {
    case OdbcForm::kBytes:
      return "UNHEX(?)";
    case OdbcForm::kReal:
      return "CAST(? AS DOUBLE)";
    case OdbcForm::kDecimal:
      return absl::StrCat("CAST(? AS DECIMAL(", made.wire.precision, ",", made.wire.scale, "))");
    case OdbcForm::kDate:
      return "CAST(? AS DATE)";
    case OdbcForm::kTimestamp:
      return "CAST(? AS DATETIME(6))";
    case OdbcForm::kText:
      // In the form of the column's own index, so that it can be used.
      if (!column.charset.empty())
        return absl::StrCat("CONVERT(? USING ", column.charset, ") COLLATE ", column.collation);
      return "?";
    default:
      return "?";
  }
}

OdbcColumn MysqlColumn(const MariadbColumn& column) {
  OdbcColumn made;
  made.number = column.place;
  made.type = OdbcTypeNumber(absl::StrCat(column.name, " ", column.whole_type, " ", column.charset));
  made.type_name = column.type;
  made.wire = WireColumn(column);
  made.name = absl::StrCat("t.", MysqlQuoted(column.name));
  made.form = MysqlOdbcForm(made.wire);
  made.value = MysqlOdbcSql(column, made.wire, made.name);
  Column wide = made.wire;
  WidenMariadbColumn(&wide);
  made.wide_affinity = wide.affinity;
  made.wide_value = MysqlOdbcSql(column, wide, made.name);
  made.wide_name = made.wide_value;
  made.place = MysqlPlace(column, made);
  made.numbers_sort = made.form == OdbcForm::kInteger || made.form == OdbcForm::kReal ||
                      made.form == OdbcForm::kDecimal || made.form == OdbcForm::kDate ||
                      made.form == OdbcForm::kTimestamp;
  // IS NULL is also true for 0000-00-00.
  made.is_null = absl::StrCat(made.name, " <=> NULL");
  if (made.form == OdbcForm::kText && made.wire.type == Type::kText)
    made.sorted_name = absl::StrCat("CAST(CONVERT(", made.value, " USING utf8mb4) AS BINARY)");
  return made;
}

class OdbcMysql : public OdbcDialect {
 public:
  const char* name() const override { return "mysql"; }

  void AddOptions(const std::string& driver, odbc::ConnectionString* to) const override {
    const std::string name = absl::AsciiStrToLower(driver);
    if (name.find("maodbc") == std::string::npos && name.find("myodbc") == std::string::npos) return;
    to->Set("CHARSET", "utf8mb4");
  }

  absl::Status Prepare(odbc::Connection& connection) const override {
    for (const char* const setting : kMysqlSettings) {
      RETURN_IF_ERROR(connection.Execute(setting, "pinning the session's settings"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const override {
    constexpr char kDoing[] = "asking which database it is";
    ASSIGN_OR_RETURN(const std::string database, connection.Text("SELECT DATABASE()", kDoing));
    if (database.empty()) {
      return absl::FailedPreconditionError(
          "'dsn' names no database: add DATABASE=name to it. Nothing was sent");
    }
    OdbcPlace place;
    const absl::StatusOr<std::string> user = connection.Text("SELECT CURRENT_USER()", kDoing);
    place.user = user.ok() ? *user : connection.user();
    place.name = absl::StrCat(connection.dbms(), " by ODBC, database ", database);
    // Each server knows at most one of the two.
    for (const char* const uuid : {"SELECT @@server_uuid", "SELECT @@server_uid"}) {
      const absl::StatusOr<std::string> known = connection.Text(uuid, kDoing);
      if (absl::IsUnavailable(known.status())) return known.status();
      if (!known.ok() || known->empty()) continue;
      place.identity = absl::StrCat("odbc mysql ", *known, " ", database);
      return place;
    }
    ASSIGN_OR_RETURN(const std::string host,
                     connection.Text("SELECT CONCAT(@@hostname, ' ', @@port, ' ', @@server_id)", kDoing));
    place.identity = absl::StrCat("odbc mysql ", host, " ", database);
    return place;
  }

  absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                const std::string* only) const override {
    std::vector<odbc::Parameter> names;
    if (only != nullptr) names.emplace_back(*only);
    const auto sql = [only](const char* text) {
      return absl::StrReplaceAll(text, {{"@these", only == nullptr ? "" : " AND t.TABLE_NAME = ?"}});
    };
    std::map<std::string, MariadbTable> tables;
    RETURN_IF_ERROR(ForEachRow(connection.Query(sql(kMysqlColumns), names, {}, kMysqlCatalogs),
                               [&](const odbc::RowStream& row) {
                                 // The server compares names there without case.
                                 if (only == nullptr || row.Text(0) == *only)
                                   TakeColumn(row, &tables[row.Text(0)]);
                               }));
    RETURN_IF_ERROR(ForEachRow(connection.Query(sql(kMysqlKeys), names, {}, kMysqlCatalogs),
                               [&](const odbc::RowStream& row) {
                                 const auto found = tables.find(row.Text(0));
                                 if (found != tables.end()) found->second.key.push_back(row.Text(1));
                               }));
    std::vector<OdbcTable> all;
    for (const auto& [name, table] : tables) all.push_back(TableOf(table));
    return all;
  }

  absl::StatusOr<std::int64_t> CreationClock(odbc::Connection& connection) const override {
    ASSIGN_OR_RETURN(const std::string clock,
                     connection.Text("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS SIGNED)",
                                     "asking for the time of its clock"));
    std::int64_t ms = 0;
    if (!absl::SimpleAtoi(clock, &ms)) return absl::DataLossError("its clock gives no time");
    return ms;
  }

  absl::Status Begin(odbc::Connection& connection, const OdbcTable& table) const override {
    constexpr char kDoing[] = "beginning to read";
    RETURN_IF_ERROR(connection.Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", kDoing));
    // From now on no session can change its definition; also fails if a column may not be read.
    return connection.Execute(absl::StrCat("SELECT * FROM ", table.quoted, " LIMIT 0"), kDoing);
  }
  absl::Status End(odbc::Connection& connection) const override {
    return connection.Execute("ROLLBACK", "ending to read");
  }
  std::string Limit(std::size_t rows) const override { return absl::StrCat(" LIMIT ", rows); }

 private:
  static void TakeColumn(const odbc::RowStream& row, MariadbTable* table) {
    table->name = row.Text(0);
    table->engine = row.Text(1);
    table->versioned = row.Text(2) == "SYSTEM VERSIONED";
    table->created_s = row.Text(15).empty() ? 0 : row.Int(15);
    MariadbColumn column;
    column.name = row.Text(3);
    column.place = row.Int(4);
    column.type = row.Text(5);
    column.whole_type = row.Text(6);
    column.digits = static_cast<std::uint32_t>(row.Int(7));
    column.scale = static_cast<std::uint32_t>(row.Int(8));
    column.seconds = static_cast<std::uint32_t>(row.Int(9));
    column.charset = row.Text(10);
    column.collation = row.Text(11);
    column.nullable = row.Text(12) == "YES";
    const auto taken = static_cast<std::int64_t>(table->columns.size() + table->generated.size());
    if (column.place != taken + 1) table->has_gaps = true;
    column.readable = row.Text(14).find("select") != std::string::npos;
    if (!row.Text(13).empty()) {
      table->generated.push_back(column.name);
    } else {
      table->columns.push_back(std::move(column));
    }
  }

  static OdbcTable TableOf(const MariadbTable& table) {
    OdbcTable made;
    made.name = table.name;
    made.identity = static_cast<std::uint64_t>(table.created_s);
    made.quoted = MysqlQuoted(table.name);
    made.from = absl::StrCat(made.quoted, " AS t");
    made.left_out = table.generated;
    bool readable = true;
    for (const MariadbColumn& column : table.columns) {
      made.columns.push_back(MysqlColumn(column));
      readable = readable && column.readable;
    }
    TakeKey(table, &made);
    if (table.HasSnapshots()) SetPages(table, &made);
    if (table.versioned) made.notes.emplace_back("it is system-versioned; its present rows are mirrored");
    if (made.pages.empty())
      made.notes.emplace_back("it is read by one statement, and its driver may hold all its rows in memory");
    if (!table.engine.empty() && !table.HasSnapshots()) {
      made.select_words = "SQL_BUFFER_RESULT ";
      made.notes.push_back(absl::StrCat("its engine ", table.engine,
                                        " has no snapshots: for each reading the server copies the table, "
                                        "and writers wait for that. InnoDB needs neither"));
    }
    if (table.engine.empty()) {
      made.problem = absl::StrCat("the server cannot open table '", table.name,
                                  "'. Nothing of it is sent: check it there with CHECK TABLE, or leave it "
                                  "out with 'skip'");
    } else if (!readable || table.has_gaps) {
      made.problem = absl::StrCat("the user may not read all columns of table '", table.name,
                                  "'. Nothing of it is sent. Allow it: GRANT SELECT ON ", made.quoted,
                                  ", or leave the table out with 'skip'");
    }
    return made;
  }

  /// MariaDB's driver holds all rows of a statement in memory: pages share the transaction's snapshot.
  static void SetPages(const MariadbTable& table, OdbcTable* made) {
    for (const std::uint32_t at : made->key) {
      const OdbcColumn& column = made->columns[at];
      const std::string& type = table.columns[at].type;
      if (type == "enum" || type == "set") {
        // They are sorted as numbers, and compared as texts.
        const std::string number = absl::StrCat("(", column.name, " + 0)");
        made->pages.push_back({number, number, "?", true});
      } else if (column.form == OdbcForm::kBytes) {
        made->pages.push_back({column.name, absl::StrCat("HEX(", column.name, ")"), column.place});
      } else {
        // Read as texts: the column's values may be wider than announced.
        made->pages.push_back({column.name, column.value, column.place, column.form == OdbcForm::kInteger});
      }
    }
  }

  static void TakeKey(const MariadbTable& table, OdbcTable* made) {
    for (const std::string& name : table.key) {
      const std::optional<std::size_t> place = table.PlaceOf(name);
      if (place) {
        made->key.push_back(static_cast<std::uint32_t>(*place));
        continue;
      }
      // The key of a system-versioned table has an extra column that is not the application's.
      if (table.versioned) continue;
      made->key.clear();
      made->notes.emplace_back(
          "a column of its primary key is computed, so that it is mirrored without a key");
      return;
    }
  }
};

}  // namespace

std::unique_ptr<OdbcDialect> MakeOdbcMysql() { return std::make_unique<OdbcMysql>(); }

}  // namespace mirror
