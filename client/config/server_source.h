#ifndef MIRROR_CLIENT_CONFIG_SERVER_SOURCE_H_
#define MIRROR_CLIENT_CONFIG_SERVER_SOURCE_H_

#include <cstdint>
#include <string>

namespace mirror {

/// The keys of a [[source]] that is a database of a server.
struct ServerSource {
  /// postgres: a conninfo. mariadb: host, port, socket, dbname, user, tls, tls_ca. odbc: a connection string.
  /// Without a password.
  std::string dsn;
  std::string password_file;  ///< 0600; of PostgreSQL a passfile.
  /// `schemas`: exactly one. mariadb: none, it is the database. odbc: empty unless given, all that the driver
  /// shows.
  std::string schema = "public";
  std::string slot;         ///< postgres. Empty: SlotName().
  std::string publication;  ///< postgres. Empty: SlotName().
  std::int64_t snapshot_wait_ms = 30'000;
  std::int64_t max_stage_bytes = 10'000'000'000;
  std::int64_t max_wal_bytes = 10'000'000'000;
  std::uint32_t server_id = 0;   ///< mariadb. 0: DefaultServerId().
  std::string dialect = "auto";  ///< odbc: auto, postgres, mysql, sqlite, generic
};

/// Of "Cust42" "_mirror_cust42": in lower case, in which no two context ids of a server are one. Where
/// another character than a letter or digit became _, or over 63 were too many, 8 hex digits of the id's hash
/// end it.
std::string SlotName(const std::string& context_id);

/// The `server_id` of a source that gives none, made of the context id: from 2^31 on, where people number no
/// servers.
std::uint32_t DefaultServerId(const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_SERVER_SOURCE_H_
