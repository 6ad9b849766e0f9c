#include "client/source/postgres/log_catalog.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/rows.h"
#include "base/status_macros.h"
#include "client/source/postgres/publication.h"

namespace mirror {
namespace {

using postgres::Rows;

/// The columns of tables and of their leaves in pgoutput's naming, with the number of the table's own column
/// of the same name: a leaf may have other numbers.
constexpr char kLoggedColumnsSql[] =
    "WITH RECURSIVE tree(root, oid) AS (SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
    "UNION ALL SELECT t.root, h.inhrelid FROM tree t JOIN pg_class p ON p.oid = t.oid AND p.relkind = 'p' "
    "JOIN pg_inherits h ON h.inhparent = t.oid AND NOT h.inhdetachpending) "
    "SELECT t.root, t.oid, a.attname::text, a.atttypid, a.atttypmod, r.attnum FROM tree t "
    "JOIN pg_class c ON c.oid = t.oid AND c.relkind = 'r' "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = "
    "'' "
    "JOIN pg_attribute r ON r.attrelid = t.root AND r.attname = a.attname AND NOT r.attisdropped "
    "ORDER BY t.root, t.oid, a.attnum";

/// By the root's oid.
std::map<std::uint32_t, StreamedTables> LoggedIn(const Rows& rows) {
  std::map<std::uint32_t, StreamedTables> logged;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto root = static_cast<std::uint32_t>(rows.Int(row, 0));
    StreamedTable& table = logged[root][static_cast<std::uint32_t>(rows.Int(row, 1))];
    table.table = root;
    table.columns.push_back({rows.Text(row, 2), static_cast<std::uint32_t>(rows.Int(row, 3)),
                             static_cast<std::int32_t>(rows.Int(row, 4)), rows.Int(row, 5)});
  }
  return logged;
}

void SetKey(const PostgresTable& table, StreamedTable* logged) {
  for (const std::int64_t number : table.key) {
    const auto found =
        std::find_if(logged->columns.begin(), logged->columns.end(),
                     [number](const StreamedTable::Column& column) { return column.number == number; });
    if (found != logged->columns.end())
      logged->key.push_back(static_cast<std::size_t>(found - logged->columns.begin()));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const LogCatalog>> LogCatalogWatch::Look(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(std::shared_ptr<const PublicationFacts> facts, watch_.Look(connection));
  if (catalog_ != nullptr && catalog_->facts == facts) return catalog_;
  auto catalog = std::make_shared<LogCatalog>();
  catalog->facts = facts;
  if (facts != nullptr) {
    postgres::Pipeline pipeline(connection);
    pipeline.Queue(kLoggedColumnsSql, {postgres::Value(schema_)}, "reading which columns are logged");
    const PostgresTableQueries queries(schema_);
    queries.Queue(pipeline);
    ASSIGN_OR_RETURN(const std::vector<Rows> rows, pipeline.Run());
    ASSIGN_OR_RETURN(std::vector<PostgresTable> tables, queries.Take(rows));
    std::map<std::uint32_t, StreamedTables> logged = LoggedIn(rows.front());
    for (PostgresTable& table : tables) {
      const PublishedTable* const published = facts->Find(table.oid);
      if (published == nullptr) continue;
      LogCatalogTable& known = catalog->tables[table.name];
      known.fingerprint = published->fingerprint;
      known.why_not = WhyUnpublishable(table);
      if (known.why_not.empty()) known.why_not = WhyNotStreamed(*facts, table.oid, table.name);
      known.logged = std::move(logged[table.oid]);
      for (auto& [oid, one] : known.logged) SetKey(table, &one);
      known.table = std::move(table);
    }
  }
  catalog_ = std::move(catalog);
  return catalog_;
}

std::set<std::int64_t> ColumnsOfFingerprint(const std::string& fingerprint) {
  constexpr std::size_t kLinesOfTable = 4;
  const std::vector<absl::string_view> lines = absl::StrSplit(fingerprint, '\n');
  std::set<std::int64_t> numbers;
  for (std::size_t i = kLinesOfTable; i < lines.size(); ++i) {
    std::int64_t number = 0;
    if (absl::SimpleAtoi(lines[i].substr(0, lines[i].find(' ')), &number)) numbers.insert(number);
  }
  return numbers;
}

}  // namespace mirror
