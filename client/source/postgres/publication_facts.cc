#include "client/source/postgres/publication_facts.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/rows.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using postgres::Rows;

constexpr char kReadingPublication[] = "reading the publication";
/// The first version that has FOR TABLES IN SCHEMA.
constexpr int kSchemasSince = 15;

// In each query $1 is the publication's name. to_jsonb() reads columns that only newer servers have.

/// @schemas: SQL that tells whether it names whole schemas.
constexpr char kPublicationSql[] =
    "SELECT p.oid, p.xmin::text, p.puballtables, p.pubinsert AND p.pubupdate AND p.pubdelete AND "
    "p.pubtruncate, "
    "p.pubviaroot, coalesce(obj_description(p.oid, 'pg_publication'), ''), @schemas FROM pg_publication p "
    "WHERE p.pubname = $1";
constexpr char kInSchemas[] = "EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid)";

constexpr char kMembersSql[] =
    "SELECT r.prrelid, r.oid, n.nspname::text, c.relname::text, to_jsonb(r) ->> 'prqual' IS NOT NULL, "
    "to_jsonb(r) ->> 'prattrs' IS NOT NULL, concat_ws(' ', c.relpersistence, c.relreplident, i.indimmediate, "
    "i.indisvalid, i.indnkeyatts, '/', i.indkey, '/', i.indclass, '/', i.indcollation), c.relfilenode::text "
    "FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = "
    "r.prrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indrelid = c.oid AND "
    "i.indisprimary "
    "WHERE p.pubname = $1 ORDER BY r.prrelid";

/// A line of a fingerprint for each column, followed by its type. A partitioned table has no rows, so its
/// line does not tell whether rows got a value when a column was added; its partitions' lines do.
constexpr char kColumnsOfMembersSql[] =
    "WITH RECURSIVE tree(root, oid) AS (SELECT c.oid, c.oid FROM pg_publication p JOIN pg_publication_rel r "
    "ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid AND c.relkind = 'p' WHERE p.pubname = $1 "
    "UNION ALL SELECT t.root, h.inhrelid FROM tree t JOIN pg_inherits h ON h.inhparent = t.oid "
    "AND NOT h.inhdetachpending), "
    "filled(root, name) AS MATERIALIZED (SELECT DISTINCT t.root, a.attname FROM tree t JOIN pg_attribute a "
    "ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasmissing) "
    "SELECT r.prrelid, a.atttypid, concat_ws(' ', a.attnum, a.atttypid, a.atttypmod, a.xmin, "
    "CASE WHEN a.attgenerated <> '' THEN 'g' WHEN a.atthasdef OR a.atthasmissing OR a.attidentity <> '' "
    "OR t.typdefault IS NOT NULL OR f.root IS NOT NULL THEN 'd' ELSE '-' END, to_json(a.attname::text)) "
    "FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_attribute a "
    "ON a.attrelid = r.prrelid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN filled f ON f.root = r.prrelid "
    "AND f.name = a.attname WHERE p.pubname = $1 AND a.attnum > 0 AND NOT a.attisdropped "
    "ORDER BY r.prrelid, a.attnum";

/// For @composite: types with columns of their own, including a table's row type if a column has it. Types
/// below 16384 are the server's own, which most columns have and which never change.
constexpr char kComposite[] =
    "(c.relkind = 'c' OR c.oid IN (SELECT coalesce(nullif(t.typrelid, 0), e.typrelid) FROM pg_attribute u "
    "JOIN pg_type t ON t.oid = u.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem WHERE u.atttypid >= 16384 "
    "AND u.attnum "
    "> 0 AND (t.typrelid <> 0 OR e.typrelid <> 0)))";

/// All types whose text changes when a catalog entry is renamed or added: those made of enums and composite
/// types. Goes from these, which are few, up to the types that contain them.
constexpr char kMadeTypesSql[] =
    "WITH RECURSIVE made(oid, words) AS ("
    "SELECT enumtypid, string_agg(concat('e', oid, '.', xmin), ' ' ORDER BY oid) FROM pg_enum GROUP BY 1 "
    "UNION ALL SELECT c.reltype, string_agg(concat('a', c.oid, '.', a.attnum, '.', a.xmin), ' ' "
    "ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE @composite "
    "AND a.attnum > 0 GROUP BY 1), "
    "parts(whole, part) AS MATERIALIZED (SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd' "
    "UNION ALL SELECT oid, typelem FROM pg_type WHERE typcategory = 'A' AND typelem <> 0 "
    "UNION ALL SELECT rngtypid, rngsubtype FROM pg_range UNION ALL SELECT rngmultitypid, rngsubtype FROM "
    "pg_range "
    "UNION ALL SELECT c.reltype, a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "WHERE @composite AND a.attnum > 0 AND NOT a.attisdropped), "
    "up(made, oid) AS (SELECT oid, oid FROM made UNION SELECT u.made, p.whole FROM up u "
    "JOIN parts p ON p.part = u.oid) "
    "SELECT u.oid, string_agg(m.words, ' ' ORDER BY m.oid) FROM up u JOIN made m ON m.oid = u.made GROUP BY "
    "u.oid";

constexpr char kLeavesOfMembersSql[] =
    "WITH RECURSIVE tree(root, oid, xmin) AS (SELECT c.oid, c.oid, '' FROM pg_publication p "
    "JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid AND c.relkind = 'p' "
    "WHERE p.pubname = $1 UNION ALL SELECT t.root, h.inhrelid, h.xmin::text FROM tree t JOIN pg_inherits h "
    "ON h.inhparent = t.oid AND NOT h.inhdetachpending) "
    "SELECT t.root, t.oid, concat_ws('.', t.oid, t.xmin, c.relkind, c.relpersistence, c.relreplident), "
    "c.relfilenode::text "
    "FROM tree t JOIN pg_class c ON c.oid = t.oid WHERE t.root <> t.oid ORDER BY t.root, t.oid";

/// One row that changes when one of the rows above changes. hash_record_extended() is faster than writing
/// them all.
constexpr char kDigestSql[] =
    "WITH RECURSIVE p AS (SELECT oid, hash_record_extended(ROW(oid, xmin, obj_description(oid, "
    "'pg_publication')), 0) AS hash FROM pg_publication WHERE pubname = $1), "
    "r AS MATERIALIZED (SELECT r.oid, r.prrelid, r.xmin FROM p JOIN pg_publication_rel r ON r.prpubid = "
    "p.oid), "
    "tree(oid, hash) AS (SELECT prrelid, hash_record_extended(ROW(oid, prrelid, xmin), 0) FROM r UNION ALL "
    "SELECT h.inhrelid, hash_record_extended(ROW(h.inhparent, h.inhrelid, h.xmin), 0) FROM tree t JOIN "
    "pg_inherits h ON h.inhparent = t.oid) "
    "SELECT concat_ws(' ', (SELECT hash FROM p), (SELECT sum(t.hash) FROM tree t), "
    "(SELECT sum(hash_record_extended(ROW(c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, "
    "c.relreplident, c.relfilenode), 0)) FROM tree t JOIN pg_class c ON c.oid = t.oid), "
    "(SELECT sum(hash_record_extended(ROW(i.indrelid, i.indimmediate, i.indisvalid, i.indnkeyatts, "
    "i.indkey::text, i.indclass, i.indcollation), 0)) FROM r JOIN pg_index i ON i.indrelid = r.prrelid "
    "AND i.indisprimary), "
    "(SELECT sum(hash_record_extended(ROW(a.attrelid, a.attnum, a.xmin), 0)) FROM r JOIN pg_attribute a "
    "ON a.attrelid = r.prrelid WHERE a.attnum > 0), "
    "(SELECT sum(hash_record_extended(ROW(oid, xmin), 0)) FROM pg_enum), "
    "(SELECT sum(hash_record_extended(ROW(a.attrelid, a.attnum, a.xmin), 0)) FROM pg_class c JOIN "
    "pg_attribute a "
    "ON a.attrelid = c.oid WHERE @composite AND a.attnum > 0), @schemas)";
constexpr char kSchemasDigest[] =
    "(SELECT sum(hash_record_extended(ROW(s.oid), 0)) FROM p JOIN pg_publication_namespace s ON s.pnpubid = "
    "p.oid)";

std::string OfVersion(const postgres::Connection& connection, const char* sql, const char* since_15,
                      const char* before) {
  // "15.18 (Debian 15.18-1)"
  const bool has_schemas = std::atoi(connection.Setting("server_version").c_str()) >= kSchemasSince;
  return absl::StrReplaceAll(sql,
                             {{"@schemas", has_schemas ? since_15 : before}, {"@composite", kComposite}});
}

std::uint32_t OidAt(const Rows& rows, int row, int column) {
  return static_cast<std::uint32_t>(rows.Int(row, column));
}

absl::StatusOr<std::vector<Rows>> AtOneMoment(postgres::Connection& connection,
                                              const std::vector<std::string>& queries,
                                              const std::string& publication) {
  std::optional<postgres::Transaction> own;
  postgres::Pipeline pipeline(connection);
  if (!connection.InTransaction())
    own.emplace(connection).Begin(pipeline, {.repeatable_read = true, .read_only = true});
  for (const std::string& sql : queries) {
    std::vector<postgres::Value> values;
    if (sql.find("$1") != std::string::npos) values.emplace_back(publication);
    pipeline.Queue(sql, values, kReadingPublication);
  }
  absl::StatusOr<std::vector<Rows>> rows = own ? own->Commit(pipeline, kReadingPublication) : pipeline.Run();
  if (rows.ok() && own) rows->erase(rows->begin());
  if (rows.ok() && rows->size() != queries.size())
    return absl::InternalError("the publication was not all read");
  return rows;
}

/// For each table its file numbers, after the first part of its fingerprint.
using Files = std::map<std::uint32_t, std::string>;

absl::Status TakeMembers(const Rows& rows, const std::string& xmin, PublicationFacts* facts, Files* files) {
  for (int row = 0; row < rows.rows(); ++row) {
    PublishedTable& table = facts->tables.emplace_back();
    table.oid = OidAt(rows, row, 0);
    table.membership = OidAt(rows, row, 1);
    table.name = rows.Text(row, 3);
    ASSIGN_OR_RETURN(const std::string quoted, postgres::QuotedName(rows.View(row, 2), rows.View(row, 3)));
    table.quoted = quoted;
    table.filters = rows.Bool(row, 4);
    table.lists_columns = rows.Bool(row, 5);
    table.fingerprint =
        absl::StrCat(table.oid, " ", table.membership, " ", xmin, "\n", rows.Text(row, 6), "\n");
    (*files)[table.oid] = rows.Text(row, 7);
  }
  return absl::OkStatus();
}

PublishedTable* FindMember(PublicationFacts& facts, std::uint32_t oid) {
  return const_cast<PublishedTable*>(std::as_const(facts).Find(oid));
}

void TakeLeaves(const Rows& rows, PublicationFacts* facts, Files* files) {
  for (int row = 0; row < rows.rows(); ++row) {
    PublishedTable* const table = FindMember(*facts, OidAt(rows, row, 0));
    if (table == nullptr) continue;
    absl::StrAppend(&table->fingerprint, table->leaves.empty() ? "" : " ", rows.Text(row, 2));
    table->leaves.push_back(OidAt(rows, row, 1));
    absl::StrAppend(&(*files)[table->oid], " ", rows.Text(row, 3));
  }
}

void TakeColumns(const Rows& columns, const Rows& types, PublicationFacts* facts) {
  std::map<std::uint32_t, std::string> made;
  for (int row = 0; row < types.rows(); ++row) made[OidAt(types, row, 0)] = types.Text(row, 1);
  for (int row = 0; row < columns.rows(); ++row) {
    PublishedTable* const table = FindMember(*facts, OidAt(columns, row, 0));
    if (table == nullptr) continue;
    absl::StrAppend(&table->fingerprint, "\n", columns.Text(row, 2));
    const auto type = made.find(OidAt(columns, row, 1));
    if (type != made.end()) absl::StrAppend(&table->fingerprint, "\t", type->second);
  }
}

}  // namespace

const PublishedTable* PublicationFacts::Find(std::uint32_t table) const {
  const auto found =
      std::lower_bound(tables.begin(), tables.end(), table,
                       [](const PublishedTable& one, std::uint32_t wanted) { return one.oid < wanted; });
  return found == tables.end() || found->oid != table ? nullptr : &*found;
}

absl::StatusOr<std::optional<PublicationFacts>> ReadPublication(postgres::Connection& connection,
                                                                const std::string& publication) {
  ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                   AtOneMoment(connection,
                               {OfVersion(connection, kPublicationSql, kInSchemas, "false"), kMembersSql,
                                kLeavesOfMembersSql, kColumnsOfMembersSql,
                                absl::StrReplaceAll(kMadeTypesSql, {{"@composite", kComposite}})},
                               publication));
  const Rows& found = rows.front();
  if (found.rows() == 0) return std::nullopt;
  PublicationFacts facts;
  facts.name = publication;
  facts.oid = OidAt(found, 0, 0);
  facts.all_tables = found.Bool(0, 2);
  facts.every_action = found.Bool(0, 3);
  facts.via_root = found.Bool(0, 4);
  facts.comment = found.Text(0, 5);
  facts.whole_schemas = found.Bool(0, 6);
  Files files;
  RETURN_IF_ERROR(TakeMembers(rows[1], found.Text(0, 1), &facts, &files));
  TakeLeaves(rows[2], &facts, &files);
  for (PublishedTable& table : facts.tables) absl::StrAppend(&table.fingerprint, "\n", files[table.oid]);
  TakeColumns(rows[3], rows[4], &facts);
  return facts;
}

absl::StatusOr<std::shared_ptr<const PublicationFacts>> PublicationWatch::Look(
    postgres::Connection& connection) {
  ASSIGN_OR_RETURN(
      const std::vector<Rows> digest,
      AtOneMoment(connection, {OfVersion(connection, kDigestSql, kSchemasDigest, "0")}, publication_));
  const std::string now = digest.front().Text(0, 0);
  if (facts_ != nullptr && now == digest_) return facts_;
  ASSIGN_OR_RETURN(std::optional<PublicationFacts> read, ReadPublication(connection, publication_));
  // The next call detects later changes by the digest.
  digest_ = now;
  facts_ = read ? std::make_shared<const PublicationFacts>(*std::move(read)) : nullptr;
  return facts_;
}

std::string WhyUnusable(const PublicationFacts& publication) {
  const std::string name = absl::StrCat("the publication '", publication.name, "' ");
  constexpr char kInstall[] = ". Run 'mirror-agent install', which corrects it";
  if (publication.all_tables || publication.whole_schemas) {
    return absl::StrCat(name,
                        "is for all tables of the database or of a schema, so the application can no longer "
                        "change rows of tables without a key. A mirror needs a publication that names its "
                        "tables. Drop this one: DROP PUBLICATION, then run 'mirror-agent install'");
  }
  if (!publication.every_action)
    return absl::StrCat(name, "leaves out inserts, updates, deletes or truncates", kInstall);
  if (publication.via_root) {
    return absl::StrCat(
        name, "has publish_via_partition_root on, which does not report a truncated partition", kInstall);
  }
  return "";
}

std::string WhyNotStreamed(const PublicationFacts& publication, std::uint32_t table,
                           const std::string& name) {
  const PublishedTable* const found = publication.Find(table);
  const auto why = [&](const auto&... words) {
    return absl::StrCat("table '", name, "' ", words...,
                        ". Run 'mirror-agent install'; as a role that does not own it, ", kInstallForOwner);
  };
  if (found == nullptr) {
    return why("is not in the publication '", publication.name,
               "', so its changes are not in the log: it is new, or was created again");
  }
  const auto partial = [&](std::uint32_t oid) {
    const PublishedTable* const one = publication.Find(oid);
    return one != nullptr && (one->filters || one->lists_columns);
  };
  if (partial(table) || std::any_of(found->leaves.begin(), found->leaves.end(), partial)) {
    return why("has a row filter or a list of columns in the publication '", publication.name,
               "', which leaves out data that a mirror needs, and can make changes of the application fail");
  }
  return "";
}

}  // namespace mirror
