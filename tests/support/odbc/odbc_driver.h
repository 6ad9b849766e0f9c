#ifndef MIRROR_TESTS_SUPPORT_ODBC_ODBC_DRIVER_H_
#define MIRROR_TESTS_SUPPORT_ODBC_ODBC_DRIVER_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"

namespace mirror {

/// The library of an ODBC driver, as DRIVER of a connection string, so that no test needs an odbcinst.ini.
/// Empty: it is not installed.
inline std::string OdbcDriver(const std::string& library) {
  std::error_code none;
  for (const char* const machine : {"x86_64", "aarch64"}) {
    std::string path = absl::StrCat("/usr/lib/", machine, "-linux-gnu/odbc/", library);
    if (std::filesystem::exists(path, none)) return path;
  }
  return "";
}
inline std::string PostgresOdbcDriver() { return OdbcDriver("psqlodbcw.so"); }
inline std::string MariadbOdbcDriver() { return OdbcDriver("libmaodbc.so"); }
inline std::string SqliteOdbcDriver() { return OdbcDriver("libsqlite3odbc.so"); }

}  // namespace mirror

/// First in a test, or in SetUp(): the test is left out where the driver is not installed.
#define SKIP_WITHOUT_ODBC(driver)                                                    \
  do {                                                                               \
    if ((driver).empty()) GTEST_SKIP() << "no ODBC driver: tools/setup --also odbc"; \
  } while (false)

#endif  // MIRROR_TESTS_SUPPORT_ODBC_ODBC_DRIVER_H_
