#include "server/store/postgres/place/citus.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kLooking[] = "looking at Citus";
constexpr std::int64_t kCitusMin = 13;

/// Returns what the coordinator lacks. Its extension must exist.
absl::StatusOr<std::vector<std::string>> MissingAt(postgres::Connection& connection) {
  // pg_dist_node has a row for each node, including standbys. A node without shards may be the coordinator.
  const auto rows = connection.Query(
      "SELECT split_part(e.extversion, '.', 1)::bigint, "
      "current_setting('citus.enable_schema_based_sharding', true) IS NULL, (SELECT groupid FROM "
      "pg_dist_local_group)::bigint, (SELECT count(*) FROM pg_dist_node WHERE noderole = 'primary' AND "
      "isactive AND shouldhaveshards), (SELECT string_agg(format('%s:%s', nodename, nodeport), ', ' ORDER BY "
      "nodeid) FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND groupid <> 0 AND NOT "
      "(hasmetadata AND metadatasynced)), e.extversion FROM pg_extension AS e WHERE e.extname = 'citus'",
      {}, kLooking);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<std::string> missing;
  if (rows->Int(0, 0) < kCitusMin) {
    missing.push_back(absl::StrCat("its Citus is ", rows->Text(0, 5), ", and mirrors need ", kCitusMin,
                                   " or later: upgrade it, and type ALTER EXTENSION citus UPDATE"));
  }
  if (rows->Bool(0, 1)) {
    missing.emplace_back(
        "its Citus is not loaded: name it first in shared_preload_libraries, and restart PostgreSQL");
  }
  if (rows->Int(0, 2) != 0) {
    missing.emplace_back("it is on a worker, where no schema can be made: name the coordinator");
  } else if (rows->Int(0, 3) == 0) {
    missing.emplace_back(
        "it has no node that may hold rows: as a superuser, type SELECT citus_add_node('host', 5432)");
  }
  if (!rows->IsNull(0, 4)) {
    missing.push_back(absl::StrCat("these nodes do not know which tables there are: ", rows->Text(0, 4),
                                   ": as a superuser, type SELECT start_metadata_sync_to_all_nodes()"));
  }
  return missing;
}

std::string QuotedParameter(const std::string& value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

const std::array<const char*, 2> kReachRowsSql = {"SET LOCAL lock_timeout = '5s'",
                                                  "SET LOCAL session_replication_role = 'replica'"};

const char kGroupOfSql[] =
    "SELECT p.groupid::bigint FROM pg_dist_shard AS s JOIN pg_dist_placement AS p ON p.shardid = s.shardid "
    "WHERE s.logicalrelid = to_regclass($1) AND p.shardstate = 1";

const char* BytesOfSchemaSql(PlaceKind kind) {
  // The coordinator's own tables of a distributed schema are empty. A node that is down counts as empty, too.
  if (kind == PlaceKind::kCitus) {
    return "SELECT coalesce(sum(citus_total_relation_size(oid::regclass, false)), 0)::bigint FROM pg_class "
           "WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'";
  }
  // Uses pg_depend, which has an index by schema. A relation that is dropped meanwhile has size NULL.
  return "SELECT coalesce(sum(pg_total_relation_size(objid)), 0)::bigint FROM pg_depend WHERE classid = "
         "'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_namespace'::regclass AND refobjid "
         "= "
         "to_regnamespace($1)";
}

postgres::Parameters CoordinatorSettings() {
  return {{"citus.enable_schema_based_sharding", "on"}, {"citus.propagate_set_commands", "local"}};
}

absl::Status CheckCoordinator(postgres::Connection& connection) {
  const auto found = connection.Query(
      "SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'citus'), current_database()::text", {},
      kLooking);
  if (!found.ok()) return ToStoreStatus(found.status(), TableOwner::kMirroredTable);
  const std::string database = absl::StrCat("the database '", found->Text(0, 1), "' ");
  if (found->Int(0, 0) == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        database, "has no Citus, and its place is of kind \"citus\": as a superuser, type CREATE EXTENSION ",
        "citus there and at each worker; or set the kind to \"plain\"."));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, MissingAt(connection));
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(database, "cannot distribute mirrors yet: ", absl::StrJoin(missing, "; ")));
}

absl::StatusOr<std::optional<CitusNode>> FindNode(postgres::Connection& coordinator,
                                                  const std::string& table) {
  const auto rows = coordinator.Query(
      "SELECT n.groupid::bigint, n.nodename::text, n.nodeport::bigint FROM pg_dist_shard AS s JOIN "
      "pg_dist_placement AS p ON p.shardid = s.shardid JOIN pg_dist_node AS n ON n.groupid = p.groupid WHERE "
      "s.logicalrelid = to_regclass($1) AND p.shardstate = 1 AND n.noderole = 'primary' AND n.isactive",
      {{table}}, "looking for the mirror's node");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  if (rows->rows() == 0) return std::nullopt;
  return CitusNode{rows->Int(0, 0), rows->Text(0, 1), rows->Int(0, 2)};
}

absl::StatusOr<std::string> ConninfoAt(const std::string& conninfo, const CitusNode& node) {
  ASSIGN_OR_RETURN(const postgres::Parameters parameters, postgres::ReadConninfo(conninfo));
  std::string at = absl::StrCat("host=", QuotedParameter(node.host), " port=", node.port);
  for (const auto& [keyword, value] : parameters) {
    if (keyword == "host" || keyword == "hostaddr" || keyword == "port") continue;
    absl::StrAppend(&at, " ", keyword, "=", QuotedParameter(value));
  }
  return at;
}

}  // namespace mirror
