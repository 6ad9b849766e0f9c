#ifndef MIRROR_TESTS_SUPPORT_CITUS_DOUBLE_H_
#define MIRROR_TESTS_SUPPORT_CITUS_DOUBLE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A plain database that a place of kind "citus" takes for a cluster: it has what is asked of Citus under
/// Citus' names, and each of its nodes is the same database behind a proxy, which knows what was sent there.
/// It distributes nothing, and takes at a worker what Citus refuses there.
class CitusDouble {
 public:
  /// `conninfo`: of an empty database of `server`.
  CitusDouble(const PostgresServer& server, const std::string& conninfo)
      : workers_{std::make_unique<PostgresProxy>(server), std::make_unique<PostgresProxy>(server)},
        database_(conninfo.substr(conninfo.find("dbname=") + 7)),
        coordinator_(server) {
    auto connection = postgres::Connection::Open({.conninfo = conninfo, .application_name = "double"});
    EXPECT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    Do(absl::StrCat("ALTER DATABASE ", database_, " SET citus.enable_schema_based_sharding = off; ", kCitus));
    for (const int group : {1, 2}) {
      Do(absl::StrCat("INSERT INTO pg_dist_node VALUES (", group + 1, ", ", group, ", '",
                      worker(group).folder(), "', 5432, 'primary')"));
    }
  }

  /// For a place.
  std::string Conninfo() const { return coordinator_.Conninfo(database_); }
  PostgresProxy& coordinator() { return coordinator_; }
  /// 1 or 2.
  PostgresProxy& worker(int group) { return *workers_[group - 1]; }
  void Stop(int group) { workers_[group - 1].reset(); }
  /// All mirrors stand there from now on.
  void MoveTo(int group) {
    for (const char* const table : {"public.placed", "pg_catalog.pg_dist_placement"})
      Do(absl::StrCat("UPDATE ", table, " SET groupid = ", group));
  }
  /// As a superuser, in the database.
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }

 private:
  static constexpr char kCitus[] = R"(
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
  VALUES (99999, 'citus', 10, 11, false, '13.2-1');
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
INSERT INTO pg_dist_local_group VALUES (0);
CREATE TABLE pg_catalog.pg_dist_node (nodeid int, groupid int, nodename text, nodeport int, noderole text,
  isactive bool DEFAULT true, hasmetadata bool DEFAULT true, metadatasynced bool DEFAULT true,
  shouldhaveshards bool DEFAULT true);
INSERT INTO pg_dist_node VALUES (1, 0, 'localhost', 5432, 'primary', true, true, true, false);
CREATE TABLE public.placed (groupid int);
INSERT INTO public.placed VALUES (1);
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid int, shardstate int);
CREATE FUNCTION public.place_new() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN
  INSERT INTO pg_catalog.pg_dist_shard SELECT c.oid, c.oid FROM pg_event_trigger_ddl_commands() AS d
    JOIN pg_class AS c ON c.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND c.relname = '_mirror_tenant';
  INSERT INTO pg_catalog.pg_dist_placement SELECT s.shardid, p.groupid, 1
    FROM pg_catalog.pg_dist_shard AS s, public.placed AS p
    WHERE s.shardid NOT IN (SELECT shardid FROM pg_catalog.pg_dist_placement);
END $f$;
CREATE EVENT TRIGGER place_new ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
  EXECUTE FUNCTION public.place_new();
ALTER EVENT TRIGGER place_new ENABLE ALWAYS;
CREATE FUNCTION pg_catalog.citus_total_relation_size(regclass, boolean) RETURNS bigint LANGUAGE sql
  AS 'SELECT pg_total_relation_size($1)')";

  std::unique_ptr<PostgresProxy> workers_[2];
  const std::string database_;
  PostgresProxy coordinator_;
  std::unique_ptr<postgres::Connection> connection_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_CITUS_DOUBLE_H_
