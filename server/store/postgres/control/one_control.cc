#include "server/store/postgres/control/one_control.h"

#include <chrono>
#include <cstddef>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace mirror {
namespace {

constexpr std::size_t kDigits = 8;
/// Sessions of a server that was just killed end in that time.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{100};

// It is the same one after a failover, and as long as nobody restores it into another database.
constexpr char kWhichSql[] =
    "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid FROM pg_database WHERE "
    "datname = current_database()";
constexpr char kOthersSql[] =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND "
    "starts_with(application_name, $1) AND application_name <> $2";

}  // namespace

std::string SessionNameOf(const ControlOptions& options) {
  const auto connection = postgres::Connection::Open({.conninfo = options.conninfo,
                                                      .passfile = options.passfile,
                                                      .application_name = options.application_name,
                                                      .tables_only = true});
  if (!connection.ok()) return options.application_name;
  const auto which = (*connection)->Query(kWhichSql, {}, "looking which database it is");
  if (!which.ok() || which->rows() != 1) return options.application_name;
  return absl::StrCat(options.application_name, " ", HexDigest(which->Text(0, 0)).substr(0, kDigits));
}

absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place) {
  const std::string& name = place.application_name;
  const std::size_t space = name.find(' ');
  if (space == std::string::npos) return absl::OkStatus();
  const std::string begin = name.substr(0, space + 1);
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    const auto others = connection.Number(kOthersSql, {begin, name}, "looking for other servers");
    if (!others.ok() || *others == 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the place '", place.name,
      "' is in use by servers whose [postgres] 'control' is another database. Nothing was changed. Give all "
      "servers of these places one 'control'; where it is to be another one from now on, stop all that have "
      "the former first."));
}

}  // namespace mirror
