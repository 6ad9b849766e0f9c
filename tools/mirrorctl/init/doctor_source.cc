#include "tools/mirrorctl/init/doctor_source.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/system_user.h"
#include "certs/token.h"
#include "client/command/expiry.h"
#include "client/run/check_source.h"
#include "client/run/last_run.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/beside_files.h"
#include "client/source/sqlite/log/log_check.h"
#include "client/source/sqlite/log/trigger_trial.h"
#include "client/wire/connect.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/init/doctor_network.h"
#include "tools/mirrorctl/init/doctor_server.h"
#include "tools/mirrorctl/init/init_system.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesMost = 5;
constexpr char kEndpointClock[] = "endpoint clock";

/// Checks the source's certificate for mutual TLS. Returns false if it cannot be used.
bool ExamineClientPair(const AgentConfig& config, DoctorReport& report) {
  const EndpointConfig& endpoint = config.endpoint;
  if (endpoint.plaintext || endpoint.certificate.empty()) return true;
  const absl::Status pair = CheckTlsPair(endpoint.certificate, endpoint.key);
  if (pair.ok()) return true;  // The end of its validity is reported with that of the other certificates.
  report.Fail("endpoint identity", std::string(pair.message()), std::string(Renewal(KeyKind::kClient)));
  return false;
}

std::string ExamineEndpoint(const AgentConfig& config, DoctorReport& report) {
  const EndpointConfig& endpoint = config.endpoint;
  Port port;
  port.name = "endpoint";
  port.address = endpoint.address;
  port.tls = {endpoint.ca, endpoint.certificate, endpoint.key};
  port.plaintext = endpoint.plaintext;
  port.anonymous = !ExamineClientPair(config, report);
  if (port.anonymous) port.tls.certificate = port.tls.key = "";
  port.configured = absl::StrCat("[endpoint] of '", config.file, "'");
  port.listener = "[listen]";
  port.certificate = KeyKind::kListener;
  const std::string failed = ExaminePort(port, report);
  return failed.empty() && port.anonymous ? "endpoint identity" : failed;
}

/// Checks that the key can sign and that the application's certificate can verify. Returns the failed step.
std::string ExamineKeys(const AgentConfig& config, DoctorReport& report) {
  std::string failed;
  const IdentityConfig& identity = config.identity;
  const absl::StatusOr<SigningKey> key = SigningKey::Load(identity.key, identity.key_id);
  const absl::Status signs = key.ok() ? key->Sign("doctor").status() : key.status();
  if (signs.ok()) {
    report.Ok("source key",
              absl::StrCat("'", identity.key_id, "' signs with ", std::string(ToString(key->algorithm())),
                           ", and other users cannot read its file"));
  } else {
    report.Fail(
        "source key", std::string(signs.message()),
        absl::StrCat("correct the key file, or 'key' and 'key_id' in [identity] of '", config.file, "'"));
    failed = "source key";
  }
  const absl::StatusOr<PublicKey> application = PublicKey::Load(identity.application_certificate);
  const absl::Status valid =
      application.ok() ? application->CheckValidity(std::time(nullptr)) : application.status();
  if (valid.ok()) {
    report.Ok("application",
              absl::StrCat("the endpoint has to prove that it is '", identity.application_id, "'"));
  } else {
    report.Fail(
        "application", std::string(valid.message()),
        absl::StrCat("ask the endpoint's operator for its certificate and set 'application_certificate' in "
                     "[identity] of '",
                     config.file, "'"));
    if (failed.empty()) failed = "application";
  }
  const std::vector<std::string> ends = ExpiryWarnings(config, std::time(nullptr));
  for (const std::string& end : ends) {
    const std::size_t colon = end.rfind(": ");
    report.Warn("source's keys", end.substr(0, colon), end.substr(colon + 2));
  }
  if (ends.empty()) {
    report.Ok("source's keys", absl::StrCat("none of ", AgentKeys(config).size(),
                                            " certificates expires within ", kExpiryNoticeDays, " days"));
  }
  return failed;
}

std::string AfterRefusal(const absl::Status& status) {
  if (absl::IsUnauthenticated(status)) {
    return "compare 'issuer', 'key_id' and 'application_id' of [identity] with the endpoint's 'mirrorctl "
           "keys', and "
           "this machine's clock with the endpoint's";
  }
  if (absl::IsPermissionDenied(status)) {
    return "ask the endpoint's operator to add the tenant to 'contexts' of its [[issuer]], or to make the "
           "tenant";
  }
  if (absl::IsDataLoss(status)) return "the endpoint's operator has to restore or reset the tenant's mirror";
  return "see the endpoint's log and 'mirrorctl events'";
}

/// Returns the endpoint's time in unix milliseconds, if the endpoint refused a token because of the clock.
std::optional<std::int64_t> ClockIn(const absl::Status& refused) {
  if (const std::optional<std::int64_t> clock_s = ClockOfRefusal(refused)) return *clock_s * 1'000;
  // An endpoint of version 0.1.0 has the time only in the text of the error.
  const std::string words(refused.message());
  constexpr std::string_view kBefore = "clock says ";
  const std::size_t at = words.find(kBefore);
  if (at == std::string::npos) return std::nullopt;
  std::tm time{};
  // The text has the form of FormatUnixTime().
  if (strptime(words.c_str() + at + kBefore.size(), "%Y-%m-%dT%H:%M:%SZ", &time) == nullptr)
    return std::nullopt;
  return std::int64_t{timegm(&time)} * 1'000;
}

/// Reports, for a source that accepts deliveries, whether its last run got some and whether it applied them.
void ExamineLastDeliveries(const AgentConfig& config, const SourceConfig& source, DoctorReport& report) {
  const std::string step = absl::StrCat(source.context_id, " deliveries");
  const absl::StatusOr<std::optional<LastRun>> last =
      LastRun::Load(config.agent.state_dir, source.context_id);
  // If the file cannot be read, 'mirror-agent status' reports that: no run needs the file.
  if (!source.accept.any() || !last.ok() || !*last || !(*last)->exchange) return;
  const ExchangeFigures& figures = *(*last)->exchange;
  const std::int64_t since_ms = (*last)->waiting_since_ms;
  if (!figures.waiting.empty()) {
    return report.Warn(
        step,
        absl::StrCat("the hub hands out none",
                     since_ms == 0 ? "" : absl::StrCat(" since ", FormatUnixTime(since_ms / 1'000)), ": ",
                     figures.waiting),
        "if this lasts, ask the server's operator: 'mirrorctl hub status' shows what waits for a decision");
  }
  const std::uint64_t refused = figures.refused + figures.later;
  if (refused == 0) return report.Ok(step, "the last run applied what the hub handed out, if there was any");
  report.Warn(
      step,
      absl::StrCat(refused == 1 ? "1 delivery is" : absl::StrCat(Grouped(refused), " deliveries are"),
                   " refused here",
                   figures.refusals.empty() ? "" : absl::StrCat(": ", figures.refusals.front())),
      "correct what the reason names: 'accept' of this [[source]], a constraint, or a row that conflicts. "
      "The agent retries each delivery by itself; 'mirrorctl hub refused' at the server lists all");
}

/// Reports, for a source that accepts no deliveries, whether some wait for it.
void ExamineDeliveries(const SourceConfig& source, MirrorClient& client, DoctorReport& report) {
  if (source.accept.any()) return;
  const absl::StatusOr<std::uint64_t> waiting = client.CountDeliveries(/*cycle=*/0);
  if (!waiting.ok() || *waiting == 0) return;
  report.Warn(absl::StrCat(source.context_id, " deliveries"),
              absl::StrCat(*waiting == 1 ? "1 delivery waits" : absl::StrCat(*waiting, " deliveries wait"),
                           " at the server, and none is fetched: 'accept' of this [[source]] is empty"),
              "set it to what may be written into this database, then run 'mirror-agent install'");
}

/// Calls Authenticate without beginning a cycle, and verifies the signed answer. Returns false if the call
/// failed because of the clocks: it would then fail for every source.
bool ExamineProof(const SourceConfig& source, const Connection& connection, bool with_clock,
                  DoctorReport& report) {
  const std::string step = absl::StrCat(source.context_id, " proof");
  MirrorClient client(connection.line->Channel(), connection.identity, source.context_id);
  const std::int64_t asked_ms = NowMs();
  const auto answer = client.Authenticate("", /*take_over=*/false, /*probe=*/true);
  const std::int64_t after_ms = NowMs();
  // The endpoint looks for the tenant only after it has accepted the token.
  if (HasNoMirrorYet(answer.status())) {
    report.Warn(step, "the endpoint accepts our token, and has no mirror of this tenant yet",
                "run a cycle: it makes the mirror if the endpoint has automatic_provisioning; otherwise the "
                "endpoint's operator has to make it");
    return true;
  }
  if (!answer.ok()) {
    const std::string words(answer.status().message());
    const std::optional<std::int64_t> clock_ms = ClockIn(answer.status());
    if (clock_ms && !ExamineClock(kEndpointClock, *clock_ms, asked_ms, after_ms, report)) {
      report.Skip(step, kEndpointClock);
      return false;
    }
    report.Fail(step, words, AfterRefusal(answer.status()));
    return true;
  }
  const std::string proved = absl::StrCat("the endpoint, version ", answer->server_version(),
                                          ", accepts our token and proved itself");
  if (answer->do_not_replicate_by() == v1::DO_NOT_REPLICATE_BY_MISS) {
    report.Fail(
        step, absl::StrCat(proved, ", and the mirror is paused: ", answer->reason()),
        absl::StrCat("find the second source database and stop it; then the endpoint's operator resumes the "
                     "mirror with 'mirrorctl resume ",
                     source.context_id, "'"));
  } else if (answer->do_not_replicate()) {
    report.Warn(
        step, absl::StrCat(proved, ", but accepts no changes now: ", answer->reason()),
        absl::StrCat("nothing is lost; when that is over, the endpoint's operator resumes the mirror with "
                     "'mirrorctl resume ",
                     source.context_id, "'"));
  } else {
    report.Ok(step, answer->has_busy() ? absl::StrCat(proved, "; a cycle runs") : proved);
  }
  const auto& capabilities = answer->capabilities();
  if (std::find(capabilities.begin(), capabilities.end(), "deliveries") != capabilities.end())
    ExamineDeliveries(source, client, report);
  if (with_clock) ExamineClock(kEndpointClock, answer->server_time_ms(), asked_ms, after_ms, report);
  return true;
}

/// Tests whether the application can still write with the triggers of the log. False: it cannot, or this is
/// not known.
bool TryWritesOf(const SourceConfig& source, const std::string& step, DoctorReport& report) {
  const absl::StatusOr<std::map<std::string, std::string>> failing = TryWrites(source.path);
  if (!failing.ok()) {
    report.Warn(step,
                absl::StrCat("test writes to its tables were not possible: ", failing.status().message()),
                "correct that, or run this again when the application is idle");
    return false;
  }
  for (const auto& [table, why] : *failing) {
    report.Fail(
        step,
        absl::StrCat("table '", table,
                     "': the triggers of the change log make writes of the application fail (tried in a "
                     "transaction that was rolled back): ",
                     why),
        "run 'mirror-agent install', which makes the triggers again. If that does not help, 'mirror-agent "
        "uninstall' removes them; then leave the table out with 'skip'");
  }
  return failing->empty();
}

void ExamineLogOf(const SourceConfig& source, const std::vector<std::string>& tables, const LogOwner& owner,
                  DoctorReport& report) {
  const std::string step = absl::StrCat(source.context_id, " change log");
  const absl::StatusOr<LogFindings> found = ExamineLog(source.path, tables, owner);
  if (!found.ok()) {
    return report.Fail(step, std::string(found.status().message()), "correct that, then run this again");
  }
  if (!found->locks_out.empty()) {
    report.Fail(step, found->locks_out, "do one of the two, then run this again as the agent's user");
  }
  if (!found->blocked.empty()) {
    report.Fail(
        step,
        absl::StrCat("the log into which triggers write is missing: every INSERT, UPDATE and DELETE of the "
                     "application on ",
                     ListNames(found->blocked, kNamesMost), " fails now"),
        "run 'mirror-agent install' at once: it makes the log and the triggers again, and the next cycle "
        "populates those tables ('mirror-agent uninstall' removes the triggers)");
  }
  if (found->presence == LogPresence::kNone) {
    if (!found->blocked.empty()) return;
    if (source.strategy != Strategy::kCdc) {
      return report.Fail(step,
                         absl::StrCat("it is not installed, and ", ListNames(tables, kNamesMost),
                                      " have strategy = \"cdc\": changes of them are not sent"),
                         "run 'mirror-agent install'");
    }
    return report.Warn(
        step, "it is not installed: changes that keep a table's number of rows are not seen, and runs fail",
        "run 'mirror-agent install', or set strategy = \"synthetic\"");
  }
  if (found->presence == LogPresence::kPart) {
    return report.Fail(
        step, "some of its _mirror_... tables were dropped or emptied: no cycle sends anything",
        "run 'mirror-agent uninstall' and 'mirror-agent install'; then every table is populated anew");
  }
  for (const auto& [table, why] : found->damaged) {
    const auto is_it = [&name = table](const std::string& other) { return SameName(name, other); };
    // This was reported already.
    if (std::any_of(found->blocked.begin(), found->blocked.end(), is_it)) continue;
    report.Warn(step, absl::StrCat("table '", table, "': ", why, ", so changes may be missing in it"),
                "run 'mirror-agent install' or a cycle: its log begins anew, and the table is populated");
  }
  // The test writes would fail for the reasons above.
  if (!found->blocked.empty() || !found->locks_out.empty()) return;
  if (!TryWritesOf(source, step, report) || !found->damaged.empty()) return;
  std::string words = absl::StrCat(Counted(found->logged, "table"), found->logged == 1 ? " is" : " are",
                                   " logged as install left it");
  if (!found->unlogged.empty()) {
    absl::StrAppend(&words, "; the next cycle adds ", ListNames(found->unlogged, kNamesMost));
  }
  report.Ok(step, words);
}

/// Returns the user who runs the agent. If root calls this: the owner of the agent's state folder; otherwise
/// the caller.
SystemUser AgentUser(const AgentConfig& config) {
  if (geteuid() == 0) return FolderOwner(config.agent.state_dir);
  SystemUser user = ThisUser();
  const std::optional<SystemUser> known = FindSystemUser("", user.id);
  user.name = known ? known->name : absl::StrCat(user.id);
  return user;
}

/// Checks that the agent's user has the rights that its strategy needs. Returns false if rights are missing.
bool ExamineRights(const AgentConfig& config, const SourceConfig& source, const std::string& step,
                   DoctorReport& report) {
  // If the source is a server, its reader reports missing rights.
  if (!IsFile(source.kind)) return true;
  std::error_code error;
  const std::string file = std::filesystem::canonical(source.path, error).string();
  // The reader reports a file that cannot be found.
  if (error) return true;
  const SystemUser user = AgentUser(config);
  const std::string missing =
      MissingRight(user, "", file, UsesLog(source) ? DatabaseUse::kWrite : DatabaseUse::kRead);
  if (missing.empty()) {
    // If the user is not root, the check of the log reports this.
    const absl::Status beside =
        geteuid() == 0 && UsesLog(source) ? BesideFiles(file).Check(user) : absl::OkStatus();
    if (!beside.ok()) {
      report.Fail(step,
                  absl::StrCat("for the user '", user.name, "', who runs the agent: ", beside.message()),
                  "do one of the two, then run this again");
    }
    return beside.ok();
  }
  std::string next = "give it that right";
  if (IsSharedFolder("", file)) {
    next =
        "its folder has other things in it: move the database into a folder of its own, and share that "
        "folder with this user";
  } else if (std::vector<std::string> commands = CommandsToShare("", file, user); !commands.empty()) {
    for (std::string& command : commands) command.erase(std::min(command.find("   #"), command.size()));
    next = absl::StrCat("type as root: ", QuotedCommand(absl::StrJoin(commands, " && ")));
  }
  report.Fail(step, absl::StrCat("the user '", user.name, "', who runs the agent, ", missing), next);
  return false;
}

/// Reports what a database lacks for reading or for deliveries. Returns false if it cannot be reached.
bool ExamineLacks(const SourceConfig& source, DoctorReport& report) {
  const SourceFindings findings = CheckSource(source);
  for (const SourceFinding& one : findings.all()) {
    const std::string step = absl::StrCat(source.context_id, " ", one.step);
    switch (one.outcome) {
      case SourceFinding::Outcome::kOk:
        report.Ok(step, one.words);
        break;
      case SourceFinding::Outcome::kWarn:
        report.Warn(step, one.words, one.next);
        break;
      case SourceFinding::Outcome::kFail:
        report.Fail(step, one.words, one.next);
    }
  }
  // If a server has only one finding, it is that the server is not reachable.
  return !IsServer(source.kind) || findings.all().size() != 1;
}

void ExamineDatabase(const AgentConfig& config, const SourceConfig& source, DoctorReport& report) {
  const std::string step = absl::StrCat(source.context_id, " database"),
                    log = absl::StrCat(source.context_id, " change log");
  if (!ExamineRights(config, source, step, report)) {
    if (UsesLog(source)) report.Skip(log, step);
    return;
  }
  if (IsServer(source.kind) && !ExamineLacks(source, report)) {
    return report.Skip(step, absl::StrCat(source.context_id, " reach"));
  }
  const absl::StatusOr<std::vector<std::string>> tables = OpenReader(source, {})->TableNames();
  if (!tables.ok()) {
    report.Fail(step, std::string(tables.status().message()), "correct that, then run this again");
    if (UsesLog(source) && !IsServer(source.kind)) report.Skip(log, step);
    return;
  }
  const std::string place = IsServer(source.kind) ? source.path : absl::StrCat("'", source.path, "'");
  report.Ok(step, absl::StrCat(place, " can be read, ", Counted(tables->size(), "table")));
  const absl::StatusOr<std::vector<IdleTable>> idle = FindIdleTables(source, *tables);
  for (const IdleTable& one : idle.ok() ? *idle : std::vector<IdleTable>()) {
    const std::string of = absl::StrCat(source.context_id, " table ", one.table->name);
    if (one.why == IdleTable::Why::kLeftOut) {
      report.Warn(of, one.words, "remove it, or correct 'include' and 'skip'");
    } else {
      report.Fail(of, one.words, "correct that: until then runs are not good");
    }
  }
  // If the source is a server, ExamineLacks() has already checked the log.
  if (IsServer(source.kind) && UsesLog(source)) return;
  if (source.strategy == Strategy::kCdc) {
    ExamineLogOf(source, *tables, LogOwnerOf(source, config.agent.state_dir), report);
  } else if (const std::vector<std::string> to_log = TablesToLog(source); !to_log.empty()) {
    ExamineLogOf(source, to_log, LogOwnerOf(source, config.agent.state_dir), report);
  } else {
    report.Ok(log, absl::StrCat("none, because strategy is \"", ToString(source.strategy), "\""));
  }
  // A file is checked after its log, because without a log there are no deliveries.
  if (!IsServer(source.kind)) ExamineLacks(source, report);
}

}  // namespace

void ExamineSource(const AgentConfig& config, DoctorReport& report) {
  std::string failed = ExamineEndpoint(config, report);
  const std::string key = ExamineKeys(config, report);
  if (failed.empty()) failed = key;
  if (config.sources.empty()) {
    report.Warn("sources", absl::StrCat("'", config.file, "' has no [[source]]: nothing is replicated"),
                "add one with 'context_id' and 'path', 'folder' or 'dsn'");
  }
  const absl::StatusOr<Connection> connection = failed.empty() ? Connect(config) : absl::CancelledError();
  if (failed.empty() && !connection.ok()) {
    failed = "source's files";
    report.Fail(failed, std::string(connection.status().message()), "correct that, then run this again");
  }
  bool with_clock = true;
  for (const SourceConfig& source : config.sources) {
    if (failed.empty()) {
      if (!ExamineProof(source, *connection, std::exchange(with_clock, false), report))
        failed = kEndpointClock;
    } else {
      report.Skip(absl::StrCat(source.context_id, " proof"), failed);
    }
    ExamineDatabase(config, source, report);
    ExamineLastDeliveries(config, source, report);
  }
}

}  // namespace mirror
