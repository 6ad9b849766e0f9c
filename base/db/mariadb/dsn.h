#ifndef MIRROR_BASE_DB_MARIADB_DSN_H_
#define MIRROR_BASE_DB_MARIADB_DSN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror::mariadb {

enum class Tls : std::uint8_t {
  kOff,
  /// The connection is encrypted, but the server's identity is not checked: an attacker in between can read
  /// the data.
  kOn,
  /// The connection is encrypted. The server's certificate must be signed by `tls_ca` or a system authority,
  /// and name the host.
  kVerify,
};

/// Address of a database.
struct Dsn {
  /// Hosts with their ports, in the order of connection attempts. Empty: use `socket`.
  std::vector<std::pair<std::string, std::uint16_t>> hosts;
  std::string socket;  ///< Path of a socket. Empty: use `hosts`.
  std::string database;
  std::string user;
  Tls tls = Tls::kOff;
  std::string tls_ca;  ///< PEM file of certificates; empty: the system's.

  /// Returns "host db1:3306,db2:3306" or "socket /run/…". Equal addresses give equal texts.
  std::string Address() const;
  /// Returns a text for messages: MariaDB at "db1:3306,db2:3306, database crm".
  std::string Name() const;
};

/// Reads "host=db1,db2 port=3306 dbname=crm user=mirror tls=verify tls_ca=/etc/ca.pem", or "socket=/run/…"
/// instead of host and port. A value with blanks is written in single quotes, with a \ before each ' and \ in
/// it. Each of several hosts can have its own port: host=db1,db2 port=3306,3307. Without `tls`: off for a
/// socket and for localhost, 127.0.0.1 and ::1, otherwise verify. Errors: kInvalidArgument: the text cannot
/// be parsed, lacks host, dbname or user, or contains a password. The message does not repeat the text.
absl::StatusOr<Dsn> ReadDsn(const std::string& text);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_DSN_H_
