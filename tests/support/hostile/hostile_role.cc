#include "tests/support/hostile/hostile_role.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "base/db/postgres/name.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

/// The roles are those of all databases of the server.
constexpr char kRoles[] = R"(
DO $$$$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keeper') THEN
    CREATE ROLE keeper LOGIN;
    CREATE ROLE analyst LOGIN;
    EXECUTE 'GRANT SET ON PARAMETER session_replication_role TO keeper';
  END IF;
END $$$$;
ALTER DATABASE "$0" OWNER TO keeper;
GRANT CREATE ON DATABASE "$0" TO analyst)";

/// PostgreSQL runs an immutable function with constant arguments while it plans.
constexpr char kTraps[] = R"(
CREATE SCHEMA hostile AUTHORIZATION analyst;
SET ROLE analyst;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.trap() RETURNS text LANGUAGE plpgsql AS $$$$ BEGIN
  IF current_user <> 'analyst' THEN RAISE LOG '$0', current_user; END IF; RETURN 'x'; END $$$$;
CREATE FUNCTION hostile.planned(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$$$ BEGIN
  RETURN hostile.trap(); END $$$$;
CREATE FUNCTION hostile.fired() RETURNS trigger LANGUAGE plpgsql AS $$$$ BEGIN
  PERFORM hostile.trap(); IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$$$;
RESET ROLE)";

std::string SavedName(const std::string& name) { return absl::StrCat(name.substr(0, 50), "_saved"); }

std::string Quoted(const std::string& schema, const std::string& name) {
  return *postgres::QuotedName(schema, name);
}

}  // namespace

HostileRole::HostileRole(const PostgresServer& server, const std::string& conninfo)
    : server_(server), database_(conninfo.substr(conninfo.find("dbname=") + 7)) {
  auto connection = postgres::Connection::Open({.conninfo = conninfo, .application_name = "hostile-test"});
  EXPECT_THAT(connection, IsOk());
  superuser_ = *std::move(connection);
  Do(absl::Substitute(kRoles, database_));
  Do(absl::Substitute(kTraps, Word() + " as %"));
  connection =
      postgres::Connection::Open({.conninfo = AnalystConninfo(), .application_name = "hostile-test"});
  EXPECT_THAT(connection, IsOk());
  analyst_ = *std::move(connection);
}

std::string HostileRole::Word() const { return absl::StrCat("CAUGHT in ", database_); }

std::string HostileRole::ConninfoOf(const std::string& role) const {
  return absl::StrReplaceAll(server_.Conninfo(database_), {{"user=mirror", absl::StrCat("user=", role)}});
}
std::string HostileRole::KeeperConninfo() const { return ConninfoOf("keeper"); }
std::string HostileRole::AnalystConninfo() const { return ConninfoOf("analyst"); }

bool HostileRole::Caught() const { return absl::StrContains(server_.Log(), Word() + " as "); }

void HostileRole::Do(const std::string& sql) const { ASSERT_THAT(superuser_->Execute(sql), IsOk()) << sql; }

void HostileRole::AsAnalyst(const std::string& sql) const {
  ASSERT_THAT(analyst_->Execute(sql), IsOk()) << sql;
}

void HostileRole::MakeSchema(const std::string& schema) {
  const std::string quoted = *postgres::QuotedName(schema);
  AsAnalyst(absl::StrCat("CREATE SCHEMA ", quoted, "; GRANT ALL ON SCHEMA ", quoted, " TO PUBLIC"));
}

void HostileRole::Take(const std::string& schema, const std::string& name, std::string_view how,
                       const std::string& like) {
  const std::string where = Quoted(schema, name);
  Do(absl::StrCat("GRANT USAGE, CREATE ON SCHEMA ", *postgres::QuotedName(schema), " TO analyst"));
  if (how == "trigger") {
    Do(absl::StrCat("CREATE TRIGGER hostile BEFORE INSERT OR UPDATE OR DELETE ON ", where,
                    " FOR EACH ROW EXECUTE FUNCTION hostile.fired(); ALTER TABLE ", where,
                    " ENABLE ALWAYS TRIGGER hostile"));
    return;
  }
  if (how == "rule") {
    Do(absl::StrCat("CREATE RULE hostile AS ON UPDATE TO ", where, " DO ALSO SELECT hostile.trap()"));
    return;
  }
  const auto is_there = superuser_->Number("SELECT count(to_regclass($1))", {where});
  ASSERT_THAT(is_there.status(), IsOk());
  const auto columns = superuser_->Query(
      "SELECT string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', ' ORDER BY "
      "attnum) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
      {like.empty() ? where : like});
  ASSERT_THAT(columns, IsOk());
  const std::string list = columns->IsNull(0, 0) ? "1 AS number" : columns->Text(0, 0);
  if (*is_there == 1) {
    Do(absl::StrCat("ALTER TABLE ", where, " RENAME TO ", *postgres::QuotedName(SavedName(name))));
  }
  const std::string triggers =
      absl::StrCat(how == "view" ? " INSTEAD OF" : " BEFORE", " INSERT OR UPDATE OR DELETE ON ", where,
                   " FOR EACH ROW EXECUTE FUNCTION hostile.fired(); GRANT ALL ON ", where, " TO PUBLIC");
  if (how == "view") {
    AsAnalyst(absl::StrCat("CREATE VIEW ", where, " AS SELECT ", list,
                           " FROM (SELECT hostile.trap() AS x OFFSET 0) AS one WHERE x <> 'y'"));
    AsAnalyst(absl::StrCat("CREATE TRIGGER hostile", triggers));
  } else if (how == "table") {
    AsAnalyst(absl::StrCat("CREATE TABLE ", where, " AS SELECT ", list, ", 1 AS hostile"));
    AsAnalyst(absl::StrCat("CREATE INDEX ON ", where, " ((hostile.planned(1))); ALTER TABLE ", where,
                           " ALTER hostile SET DEFAULT length(hostile.trap())"));
    AsAnalyst(absl::StrCat("CREATE TRIGGER hostile", triggers));
    AsAnalyst(absl::StrCat("ALTER TABLE ", where, " ENABLE ALWAYS TRIGGER hostile"));
  } else if (how == "index") {
    AsAnalyst(absl::StrCat("CREATE TABLE ", Quoted(schema, "hostile_indexed"),
                           " AS SELECT 1 AS one; CREATE INDEX ", *postgres::QuotedName(name), " ON ",
                           Quoted(schema, "hostile_indexed"), " ((hostile.planned(1)))"));
  } else if (how == "matview") {
    AsAnalyst(absl::StrCat("CREATE MATERIALIZED VIEW ", where, " AS SELECT ", list));
  } else if (how == "sequence") {
    AsAnalyst(absl::StrCat("CREATE SEQUENCE ", where));
  } else if (how == "composite") {
    AsAnalyst(absl::StrCat("CREATE TYPE ", where, " AS (one int)"));
  } else {
    AsAnalyst(absl::StrCat("CREATE TYPE ", where, " AS ENUM ('one')"));
  }
}

void HostileRole::GiveBack(const std::string& schema, const std::string& name, std::string_view how) {
  const std::string where = Quoted(schema, name);
  if (how == "trigger") {
    Do(absl::StrCat("DROP TRIGGER hostile ON ", where));
  } else if (how == "rule") {
    Do(absl::StrCat("DROP RULE hostile ON ", where));
  } else {
    Do(absl::StrCat("DROP ",
                    how == "view"    ? "VIEW"
                    : how == "index" ? "INDEX"
                                     : "TABLE",
                    " ", where, "; ALTER TABLE ", Quoted(schema, SavedName(name)), " RENAME TO ",
                    *postgres::QuotedName(name)));
  }
}

}  // namespace mirror
