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
  kOn,      ///< Encrypted, without checking the server: an attacker in between can read it.
  kVerify,  ///< The certificate must be signed by `tls_ca` or a system authority, and name the host.
};

/// Address of a database.
struct Dsn {
  /// Hosts with their ports, in the order of connection attempts. Empty: use `socket`.
  std::vector<std::pair<std::string, std::uint16_t>> hosts;
  std::string socket;  ///< A path. Empty: use `hosts`.
  std::string database;
  std::string user;
  Tls tls = Tls::kOff;
  std::string tls_ca;  ///< PEM file of certificates; empty: the system's.

  /// Returns "host db1:3306,db2:3306" or "socket /run/…", the same text for the same address.
  std::string Address() const;
  /// Returns MariaDB at "db1:3306,db2:3306, database crm": for messages.
  std::string Name() const;
};

/// Reads "host=db1,db2 port=3306 dbname=crm user=mirror tls=verify tls_ca=/etc/ca.pem", or "socket=/run/…"
/// instead of host and port. A value with blanks is in single quotes; there a \ precedes each ' and \.
/// Several hosts can each have a port of their own: host=db1,db2 port=3306,3307. Without `tls`: off for a
/// socket and for localhost, 127.0.0.1 and ::1, otherwise verify.
/// Errors: kInvalidArgument, which does not repeat the text: it cannot be read, lacks host, dbname or user,
/// or contains a password.
absl::StatusOr<Dsn> ReadDsn(const std::string& text);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_DSN_H_
