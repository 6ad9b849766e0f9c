#include "client/source/postgres/publication.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "client/source/postgres/replication_slot.h"

namespace mirror {
namespace {

using postgres::Trouble;

constexpr char kInstalling[] = "installing the publication";
constexpr char kUninstalling[] = "dropping the publication";
constexpr std::string_view kCommentPrefix = "Partner Mirror, source ";
constexpr char kOptions[] =
    "publish = 'insert, update, delete, truncate', publish_via_partition_root = false";

/// Explains a value of pg_class.relreplident.
std::string WhyOtherIdentity(char identity) {
  switch (identity) {
    case 'd':
      return "";
    case 'f':
      return "its replica identity is FULL";
    case 'i':
      return "its replica identity is another index than the primary key";
    default:
      return "it has no replica identity (NOTHING)";
  }
}

std::string WhyUnpublishableLeaf(const PostgresLeaf& leaf) {
  std::string why;
  if (leaf.foreign) why = "its rows are in another database, whose log is not read";
  if (leaf.unlogged) why = "it is unlogged, so its changes are not in the log";
  if (why.empty()) why = WhyOtherIdentity(leaf.identity);
  return why.empty() ? "" : absl::StrCat("of its partition ", leaf.name, ": ", why);
}

bool HasComputedKey(const PostgresTable& table) {
  return std::any_of(table.key.begin(), table.key.end(), [&table](std::int64_t number) {
    return std::none_of(table.columns.begin(), table.columns.end(),
                        [number](const PostgresColumn& column) { return column.number == number; });
  });
}

/// Without ONLY, tables that inherit from a table would be added, too.
std::string TableList(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ",
                       [](std::string* to, const std::string& name) { absl::StrAppend(to, "ONLY ", name); });
}

absl::Status CheckOwner(const PublicationFacts& now, const std::string& source_id, const char* left) {
  const std::string owner = SourceIdOf(now.comment);
  if (owner.empty() || source_id.empty() || owner == source_id) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the publication '", now.name, "' belongs to another source, ", owner, ". ", left,
                   ". Give this source another 'publication' and 'slot', or, if that source no longer "
                   "exists: DROP PUBLICATION"));
}

absl::Status ExplainInstall(const absl::Status& status) {
  const std::string words(status.message());
  constexpr char kNothing[] = ". Nothing was changed";
  switch (postgres::TroubleOf(status)) {
    case Trouble::kDenied:
      return absl::PermissionDeniedError(absl::StrCat(words, kNothing,
                                                      ". The role must own the tables, and must have CREATE "
                                                      "on the database: ",
                                                      kInstallForOwner));
    case Trouble::kLockTimeout:
      return absl::UnavailableError(absl::StrCat(
          words, kNothing,
          ". Another session changes the definition of a table, or runs VACUUM or CREATE INDEX: try again"));
    default:
      return status;
  }
}

/// Returns the tables that may be in it, by oid.
std::vector<const PostgresTable*> Publishable(const PublicationWish& wish) {
  std::vector<const PostgresTable*> tables;
  for (const PostgresTable& table : wish.tables) {
    if (WhyUnpublishable(table).empty()) tables.push_back(&table);
  }
  return tables;
}

/// Tables to remove, and tables to add.
struct Difference {
  std::vector<std::string> out, in;
};

Difference DifferenceOf(const std::vector<const PostgresTable*>& wished, const PublicationFacts& now) {
  Difference difference;
  std::set<std::uint32_t> good;
  for (const PublishedTable& table : now.tables) {
    const bool is_wished = std::any_of(wished.begin(), wished.end(),
                                       [&table](const PostgresTable* one) { return one->oid == table.oid; });
    if (is_wished && !table.filters && !table.lists_columns) {
      good.insert(table.oid);
    } else {
      difference.out.push_back(table.quoted);
    }
  }
  for (const PostgresTable* const table : wished) {
    if (!good.contains(table->oid)) difference.in.push_back(table->quoted);
  }
  return difference;
}

absl::StatusOr<std::vector<std::string>> RightsSql(const PublicationWish& wish, const ScriptPlace& place) {
  const absl::StatusOr<std::string> quoted_role = postgres::QuotedName(place.role);
  const absl::StatusOr<std::string> quoted_schema = postgres::QuotedName(place.schema);
  if (!quoted_role.ok() || !quoted_schema.ok())
    return quoted_role.ok() ? quoted_schema.status() : quoted_role.status();
  std::vector<std::string> sql;
  // The tables' owner may lack the right to grant it.
  if (!place.may_replicate) sql.push_back(absl::StrCat("ALTER ROLE ", *quoted_role, " LOGIN REPLICATION"));
  sql.push_back(absl::StrCat("GRANT USAGE ON SCHEMA ", *quoted_schema, " TO ", *quoted_role));
  for (const PostgresTable& table : wish.tables) {
    std::vector<std::string> names = {table.quoted};
    for (const PostgresLeaf& leaf : table.leaves) names.push_back(leaf.name);
    sql.push_back(absl::StrCat("GRANT SELECT ON ", absl::StrJoin(names, ", "), " TO ", *quoted_role));
  }
  return sql;
}

}  // namespace

std::string WhyUnpublishable(const PostgresTable& table) {
  if (table.quoted.empty()) return "its name is not UTF-8";
  if (table.unlogged) return "it is unlogged, so its changes are not in the log";
  if (table.key.empty()) return "it has no primary key";
  if (HasComputedKey(table)) return "a column of its primary key is computed, and the log lacks such columns";
  if (table.key_waits) return "its primary key is deferrable, so the log has no keys for it";
  if (table.key_broken) return "the index of its primary key is not valid";
  for (const PostgresLeaf& leaf : table.leaves) {
    if (std::string why = WhyUnpublishableLeaf(leaf); !why.empty()) return why;
  }
  // The changes of a partitioned table are those of its partitions, with their identities.
  return table.partitioned ? "" : WhyOtherIdentity(table.identity);
}

std::string PublicationComment(std::string_view source_id) {
  return absl::StrCat(std::string(kCommentPrefix), std::string(source_id));
}

std::string SourceIdOf(std::string_view comment) {
  if (comment.substr(0, kCommentPrefix.size()) != kCommentPrefix) return "";
  return std::string(comment.substr(kCommentPrefix.size()));
}

absl::StatusOr<std::vector<std::string>> PublicationSql(const PublicationWish& wish,
                                                        const std::optional<PublicationFacts>& now) {
  const absl::StatusOr<std::string> name = postgres::QuotedName(wish.publication);
  const absl::StatusOr<std::string> comment = postgres::QuotedText(PublicationComment(wish.source_id));
  if (!name.ok() || !comment.ok()) return name.ok() ? comment.status() : name.status();
  const std::vector<const PostgresTable*> tables = Publishable(wish);
  std::vector<std::string> sql;
  if (!now) {
    std::vector<std::string> names;
    for (const PostgresTable* const table : tables) names.push_back(table->quoted);
    sql.push_back(absl::StrCat("CREATE PUBLICATION ", *name,
                               names.empty() ? "" : absl::StrCat(" FOR TABLE ", TableList(names)), " WITH (",
                               kOptions, ")"));
  } else {
    RETURN_IF_ERROR(CheckOwner(*now, wish.source_id, "Nothing was changed"));
    if (now->all_tables || now->whole_schemas) return absl::FailedPreconditionError(WhyUnusable(*now));
    if (!now->every_action || now->via_root)
      sql.push_back(absl::StrCat("ALTER PUBLICATION ", *name, " SET (", kOptions, ")"));
    const Difference difference = DifferenceOf(tables, *now);
    if (!difference.out.empty())
      sql.push_back(absl::StrCat("ALTER PUBLICATION ", *name, " DROP TABLE ", TableList(difference.out)));
    if (!difference.in.empty())
      sql.push_back(absl::StrCat("ALTER PUBLICATION ", *name, " ADD TABLE ", TableList(difference.in)));
  }
  if (!now || now->comment != PublicationComment(wish.source_id))
    sql.push_back(absl::StrCat("COMMENT ON PUBLICATION ", *name, " IS ", *comment));
  return sql;
}

absl::StatusOr<std::string> InstallScript(const PublicationWish& wish,
                                          const std::optional<PublicationFacts>& now,
                                          const ScriptPlace& place) {
  RETURN_IF_ERROR(CheckSlotName(wish.slot));
  ASSIGN_OR_RETURN(const std::vector<std::string> rights, RightsSql(wish, place));
  ASSIGN_OR_RETURN(const std::vector<std::string> publication, PublicationSql(wish, now));
  // A superuser may run the script, and any role may own functions in the schemas of that role's path.
  std::string script = "\\set ON_ERROR_STOP on\nSET search_path = pg_catalog, pg_temp;\n";
  if (place.wal_level != "logical") {
    // Uses \echo, since a person who pipes the script to psql reads no comment.
    absl::StrAppend(&script, "\\echo 'The wal_level of the server is ", place.wal_level,
                    ", so no changes can be read from its log. Run this as a superuser, then restart the "
                    "server:'\n"
                    "\\echo '  ALTER SYSTEM SET wal_level = logical;'\n");
  }
  absl::StrAppend(&script, "-- Rights for the agent's role.\n");
  for (const std::string& sql : rights) absl::StrAppend(&script, sql, ";\n");
  absl::StrAppend(&script, "-- Run by the owner of the tables.\n");
  if (!publication.empty())
    absl::StrAppend(&script, "BEGIN;\n", absl::StrJoin(publication, ";\n"), ";\nCOMMIT;\n");
  absl::StrAppend(
      &script,
      "-- After the publication: from now on the server keeps its log until the agent has read it. If\n"
      "-- this role may not create a slot, or wal_level is not logical yet, the agent's first cycle creates "
      "it.\n",
      "SELECT pg_catalog.pg_create_logical_replication_slot('", wish.slot,
      "', 'pgoutput') WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '", wish.slot,
      "')\n  AND current_setting('wal_level') = 'logical' AND EXISTS (SELECT FROM pg_roles WHERE rolname = "
      "current_user AND (rolsuper OR rolreplication));\n");
  return script;
}

absl::StatusOr<std::vector<std::string>> InstallPublication(postgres::Connection& connection,
                                                            const PublicationWish& wish) {
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(transaction.Begin({}, kInstalling));
  ASSIGN_OR_RETURN(const std::optional<PublicationFacts> now, ReadPublication(connection, wish.publication));
  absl::StatusOr<std::vector<std::string>> sql = PublicationSql(wish, now);
  if (!sql.ok()) return sql;
  for (const std::string& one : *sql) {
    if (absl::Status run = connection.Execute(one, kInstalling); !run.ok()) return ExplainInstall(run);
  }
  RETURN_IF_ERROR(transaction.Commit(kInstalling));
  return sql;
}

absl::Status UninstallPublication(postgres::Connection& connection, const std::string& slot,
                                  const std::string& publication, const std::string& source_id,
                                  const std::string& application) {
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedName(publication));
  ASSIGN_OR_RETURN(const std::optional<PublicationFacts> now, ReadPublication(connection, publication));
  if (now) RETURN_IF_ERROR(CheckOwner(*now, source_id, "Nothing was dropped"));
  // First: a slot without its publication can never be read again.
  RETURN_IF_ERROR(DropSlot(connection, slot, application));
  if (!now) return absl::OkStatus();
  absl::Status dropped = connection.Execute(absl::StrCat("DROP PUBLICATION IF EXISTS ", name), kUninstalling);
  // A running agent may have made it again in between; from now on it cannot.
  if (dropped.ok()) return DropSlot(connection, slot, application);
  if (postgres::TroubleOf(dropped) != Trouble::kDenied) return dropped;
  return absl::PermissionDeniedError(absl::StrCat(
      std::string(dropped.message()), ". The slot '", slot,
      "' is dropped, but the publication still exists. Its owner can drop it: DROP PUBLICATION ", name,
      ". Then run 'mirror-agent uninstall' again, which removes the rest and says which rights "
      "are left"));
}

}  // namespace mirror
