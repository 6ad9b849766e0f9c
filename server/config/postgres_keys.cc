#include "server/config/postgres_keys.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/target.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::int64_t kMergeRowsMax = 1'000'000'000'000, kRelationsMax = 100'000'000;
constexpr std::size_t kPlaceNameMax = 32;

/// Never shows the text: several lines, or text that libpq cannot read, may be anything.
Setter SetConninfo(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (text.empty()) return given.Wrong("must not be empty");
    const auto parameters = postgres::ReadConninfo(text);
    if (!parameters.ok()) {
      return given.Wrong(absl::StrCat("cannot be used: ", std::string(parameters.status().message())));
    }
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetPlaceName(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    const bool good =
        !text.empty() && text.size() <= kPlaceNameMax && std::all_of(text.begin(), text.end(), [](char c) {
          return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
        });
    if (!good) return given.Wrong("must be 1 to 32 letters, digits, '_' and '-'");
    *target = std::move(text);
    return absl::OkStatus();
  };
}

std::size_t HostsOf(const postgres::Parameters& parameters) {
  std::size_t hosts = 1;
  for (const char* const keyword : {"host", "hostaddr", "port"}) {
    const std::string* const list = postgres::FindParameter(parameters, keyword);
    if (list == nullptr) continue;
    hosts = std::max(hosts, static_cast<std::size_t>(std::count(list->begin(), list->end(), ',')) + 1);
  }
  return hosts;
}

/// Returns what conflicts with the other keys; empty: nothing.
std::string ConninfoProblem(const std::string& conninfo, const PostgresConfig& postgres) {
  const auto parameters = postgres::ReadConninfo(conninfo);
  if (!parameters.ok()) return "";
  if (!postgres.passfile.empty() && postgres::FindParameter(*parameters, "passfile") != nullptr) {
    return "names a passfile, but the server reads only the one that [postgres] 'passfile' names: remove it "
           "here, or remove that one if each place has its own";
  }
  if (HostsOf(*parameters) == 1) return "";
  if (!postgres.replicated) {
    return "names several hosts, but [postgres] 'durability' is \"local\": the next host would lack "
           "acknowledged rows. Set it to \"replicated\", or name one host";
  }
  const std::string* const wanted = postgres::FindParameter(*parameters, "target_session_attrs");
  if (wanted != nullptr && (*wanted == "read-write" || *wanted == "primary")) return "";
  return "names several hosts: add target_session_attrs=read-write; otherwise the server may connect to a "
         "standby, where nothing can be written";
}

absl::Status ReadPlaces(const ConfigFile& file, PostgresConfig& postgres) {
  ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file.Blocks("postgres", "place"));
  for (const ConfigTable& block : blocks) {
    PostgresPlaceConfig place;
    RETURN_IF_ERROR(block.Read({{"name", SetPlaceName(&place.name)},
                                {"conninfo", SetConninfo(&place.conninfo)},
                                {"kind", SetOneOf(&place.citus, {{"plain", false}, {"citus", true}})},
                                {"connections", SetWhole(&place.connections, 1, 1'000)},
                                {"relations_max", SetWhole(&place.relations_max, 1'000, kRelationsMax)}}));
    RETURN_IF_ERROR(block.CheckHas({"name", "conninfo"}));
    for (const PostgresPlaceConfig& other : postgres.places) {
      if (other.name == place.name)
        return block.Wrong("name",
                           absl::StrCat("'", place.name, "' is there twice: give each place its own"));
    }
    const std::string problem = ConninfoProblem(place.conninfo, postgres);
    if (!problem.empty()) return block.Wrong("conninfo", problem);
    postgres.places.push_back(std::move(place));
  }
  return absl::OkStatus();
}

}  // namespace

ConfigKeys PostgresKeys(PostgresConfig& postgres, const std::filesystem::path& folder) {
  return {{"control", SetConninfo(&postgres.control)},
          {"passfile", SetPath(&postgres.passfile, folder)},
          {"durability", SetOneOf(&postgres.replicated, {{"replicated", true}, {"local", false}})},
          {"merge_rows_max", SetWhole(&postgres.merge_rows_max, 1, kMergeRowsMax)},
          {"place", SetElsewhere()}};
}

absl::Status ReadPostgres(const ConfigFile& file, StoreKind store, PostgresConfig& postgres) {
  if (store != StoreKind::kPostgres) {
    for (const ConfigKey& key : PostgresKeys(postgres, file.folder())) {
      if (file.Says("postgres", key.name))
        return file.Wrong("postgres", key.name, "works only with [data] 'store' = \"postgres\"");
    }
    return absl::OkStatus();
  }
  if (postgres.control.empty()) return file.Missing("postgres", "control");
  const std::string problem = ConninfoProblem(postgres.control, postgres);
  if (!problem.empty()) return file.Wrong("postgres", "control", problem);
  RETURN_IF_ERROR(ReadPlaces(file, postgres));
  if (!postgres.places.empty()) return absl::OkStatus();
  return file.Wrong(
      "data", "store",
      "is \"postgres\", but there is no [[postgres.place]], a database for the mirrors: add one with name "
      "and conninfo");
}

}  // namespace mirror
