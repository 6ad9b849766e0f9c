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
  kOn,      ///< Encrypted, whoever answers: who stands between can read it.
  kVerify,  ///< Its certificate is of `tls_ca`, or of the system's authorities, and for the host's name.
};

/// Where a database is.
struct Dsn {
  /// In the order in which they are tried, each with its port. Empty: `socket`.
  std::vector<std::pair<std::string, std::uint16_t>> hosts;
  std::string socket;  ///< A path. Empty: `hosts`.
  std::string database;
  std::string user;
  Tls tls = Tls::kOff;
  std::string tls_ca;  ///< A file of certificates in PEM; empty: the system's.

  /// "host db1:3306,db2:3306" or "socket /run/…": as a person wrote it, and the same for the same place.
  std::string Address() const;
  /// MariaDB at "db1:3306,db2:3306, database crm": for messages.
  std::string Name() const;
};

/// Reads "host=db1,db2 port=3306 dbname=crm user=mirror tls=verify tls_ca=/etc/ca.pem", or "socket=/run/…"
/// in the place of host and port. A value with blanks stands in single quotes; there \ stands before ' and \.
/// Of several hosts each can have a port of its own: host=db1,db2 port=3306,3307. Without `tls`: off by a
/// socket and at localhost, 127.0.0.1 and ::1, else verify.
/// Errors: kInvalidArgument, without its text: it cannot be read, lacks host or dbname or user, or holds a
/// password.
absl::StatusOr<Dsn> ReadDsn(const std::string& text);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_DSN_H_
