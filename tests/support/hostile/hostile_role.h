#ifndef MIRROR_TESTS_SUPPORT_HOSTILE_HOSTILE_ROLE_H_
#define MIRROR_TESTS_SUPPORT_HOSTILE_HOSTILE_ROLE_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/db/postgres/connection.h"
#include "tests/support/postgres_server.h"

namespace mirror {

/// Two roles in a database: `keeper`, for the server under test, and `analyst`, who may make schemas and
/// relations, and wants keeper's rights. Everything that analyst makes calls a function of analyst's, which
/// writes to PostgreSQL's log when another role runs it.
class HostileRole {
 public:
  /// `conninfo`: a database of `server`, as a superuser. Keeper owns it from now on.
  HostileRole(const PostgresServer& server, const std::string& conninfo);

  /// For the server under test.
  std::string KeeperConninfo() const;
  std::string AnalystConninfo() const;
  /// A schema of analyst's.
  void MakeSchema(const std::string& schema);
  /// Makes a relation as analyst under a name, with the columns of the table `like`, quoted. What has the
  /// name already is renamed first, and its columns are copied. `how`: "view"; "table", with an index that
  /// calls the function, triggers and a default; "trigger": one on the table that is there; "rule": the same;
  /// "matview", "sequence", "index", "composite", "enum".
  void Take(const std::string& schema, const std::string& name, std::string_view how,
            const std::string& like = "");
  /// Undoes Take() of a name that had been in use.
  void GiveBack(const std::string& schema, const std::string& name, std::string_view how);
  /// Whether another role has run analyst's function since this was made.
  bool Caught() const;
  /// As a superuser.
  void Do(const std::string& sql) const;

 private:
  void AsAnalyst(const std::string& sql) const;
  std::string Word() const;
  std::string ConninfoOf(const std::string& role) const;

  const PostgresServer& server_;
  const std::string database_;
  std::unique_ptr<postgres::Connection> superuser_, analyst_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_HOSTILE_HOSTILE_ROLE_H_
