#include "client/source/odbc/odbc_dialect.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"

namespace mirror {

OdbcDialectKind OdbcDialectNamed(std::string_view word) {
  if (word == "auto") return OdbcDialectKind::kAuto;
  if (word == "postgres") return OdbcDialectKind::kPostgres;
  if (word == "mysql") return OdbcDialectKind::kMysql;
  return word == "sqlite" ? OdbcDialectKind::kSqlite : OdbcDialectKind::kGeneric;
}

void AddFileOptions(OdbcDialectKind kind, const std::string& driver, odbc::ConnectionString* to) {
  const std::string* const named = to->Find("DRIVER");
  const std::string names = FoldName(absl::StrCat(driver, " ", named == nullptr ? "" : *named));
  const auto is = [&names](std::string_view name) { return names.find(name) != std::string::npos; };
  // By default it creates a missing database.
  if (is("sqlite")) to->SetUnlessGiven("NoCreat", "1");
  // It writes /tmp/psqlodbc_<user><process>.log, with statements, if odbcinst.ini says so, as in
  // Debian.
  if (is("psqlodbc") || is("postgres") || kind == OdbcDialectKind::kPostgres) {
    to->SetUnlessGiven("CommLog", "0");
    to->SetUnlessGiven("Debug", "0");
  }
}

std::unique_ptr<OdbcDialect> MakeOdbcDialect(OdbcDialectKind kind, const odbc::Connection& connection,
                                             const std::string& schema) {
  if (kind == OdbcDialectKind::kAuto) {
    const std::string& dbms = connection.dbms();
    const auto is = [&dbms](std::string_view name) { return dbms.find(name) != std::string::npos; };
    kind = is("PostgreSQL")               ? OdbcDialectKind::kPostgres
           : is("MySQL") || is("MariaDB") ? OdbcDialectKind::kMysql
           : is("SQLite")                 ? OdbcDialectKind::kSqlite
                                          : OdbcDialectKind::kGeneric;
  }
  switch (kind) {
    case OdbcDialectKind::kPostgres:
      return MakeOdbcPostgres(schema);
    case OdbcDialectKind::kMysql:
      return MakeOdbcMysql();
    case OdbcDialectKind::kSqlite:
      return MakeOdbcSqlite();
    default:
      return MakeOdbcGeneric(schema);
  }
}

std::uint32_t OdbcTypeNumber(const std::string& type) {
  const std::string digits = HexDigest(type).substr(0, 7);
  std::uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

}  // namespace mirror
