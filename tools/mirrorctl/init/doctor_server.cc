#include "tools/mirrorctl/init/doctor_server.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/text/text_table.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/tls_probe.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/init/doctor_network.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {
namespace {

constexpr std::int64_t kSkewNoticeMs = 5'000;
// Greatest allowed difference of the clocks: the default of [tokens] leeway.
constexpr std::int64_t kSkewMaxMs = 60'000;
// Bytes of free disk space below which a hint or a failure is reported.
constexpr std::uint64_t kDiskNotice = 1ULL << 30, kDiskMin = 100ULL << 20;
constexpr std::uint64_t kSyncNoticeUs = 100'000;

constexpr const char* kCallSteps[] = {"server clock", "server disk", "server sync", "mirrors",
                                      "server keys",  "HTTP door",   "tenants"};

/// Checks that the client's certificate can be used. `pair`: result of CheckTlsPair(). `reached`: the server
/// has already checked the certificate's issuer.
bool ExamineIdentity(const ControlConfig& config, const absl::Status& pair, bool reached,
                     DoctorReport& report) {
  const std::string step = "admin identity", next(Renewal(KeyKind::kAdminIdentity));
  if (!pair.ok()) {
    report.Fail(step, std::string(pair.message()), next);
    return false;
  }
  const absl::StatusOr<CertificateInfo> info = ReadCertificateInfo(config.tls.certificate);
  if (!info.ok()) {
    report.Fail(step, std::string(info.status().message()), next);
    return false;
  }
  const bool known = info->uris.size() == 1 && (info->uris.front() == RoleUri(Role::kOperator) ||
                                                info->uris.front() == RoleUri(Role::kViewer));
  if (!known) {
    report.Fail(step,
                absl::StrCat("'", config.tls.certificate, "' names ", info->uris.size(),
                             " URIs; it must name exactly one, ", std::string(RoleUri(Role::kViewer)), " or ",
                             std::string(RoleUri(Role::kOperator))),
                next);
    return false;
  }
  if (!reached) {
    // This is only a warning, because the server may trust another authority than this client.
    const absl::Status is_signed = CheckSignedBy(config.tls.certificate, config.tls.ca);
    if (!is_signed.ok()) {
      report.Warn(
          step, std::string(is_signed.message()),
          absl::StrCat(
              "check that 'client_ca' of the server's [admin] names the authority that signed it, or ",
              next));
      return true;
    }
  }
  report.Ok(step, absl::StrCat(info->subject, ", ", info->uris.front()));
  report.Dated("admin identity's end", {config.tls.certificate, KeyKind::kAdminIdentity, info->not_after},
               next);
  return true;
}

void ExamineDisk(const v1::DiagnoseResponse& answer, DoctorReport& report) {
  for (const std::string& finding : answer.findings()) {
    report.Fail(
        "server disk", finding,
        answer.disk_is_elsewhere()
            ? "check that the named database runs, accepts the server's connections, has room on its disk, "
              "and has the standby that its commits wait for (pg_stat_replication there); until then nothing "
              "is committed there"
            : "make room on, or repair, the disk of the server's [data] dir; until then nothing is "
              "committed");
  }
  const std::uint64_t free_bytes = answer.disk_free_bytes();
  const std::string space = absl::StrCat(SizeText(free_bytes), " free in the data folder");
  if (answer.disk_is_elsewhere()) {
    if (answer.findings().empty()) {
      report.Ok("server disk",
                "the mirrors are in a database, which does not say how much room its disk has");
    }
  } else if (free_bytes >= kDiskNotice) {
    report.Ok("server disk", space);
  } else if (answer.findings().empty() || free_bytes > 0) {
    const std::string next =
        "make room on the disk of the server's [data] dir: when it is full, sources have to wait";
    free_bytes < kDiskMin ? report.Fail("server disk", space, next) : report.Warn("server disk", space, next);
  }
  if (answer.fsync_us() == 0) return report.Skip("server sync", "server disk");
  const std::string time = absl::StrCat("a write of 4 KB and its fsync take ", answer.fsync_us(), " us");
  if (answer.fsync_us() < kSyncNoticeUs) return report.Ok("server sync", time);
  report.Warn("server sync", time,
              "every commit waits that long: check what else uses that disk, or use a faster one");
}

void ExamineMirrors(const v1::DiagnoseResponse& answer, DoctorReport& report) {
  int good = 0;
  for (const v1::DiagnoseResponse::Store& store : answer.stores()) {
    if (store.ok()) {
      ++good;
      continue;
    }
    report.Fail(
        "mirrors", absl::StrCat("the mirror of ", store.context_id(), ": ", store.detail()),
        absl::StrCat("'mirrorctl restore ", store.context_id(), " FILE --confirm ", store.context_id(),
                     "' restores a backup; 'mirrorctl reset ", store.context_id(), " --all --confirm ",
                     store.context_id(), "' sets this mirror aside, and the next cycle populates a new one"));
  }
  if (good == answer.stores_size()) {
    report.Ok("mirrors", good == 0
                             ? "there are none yet"
                             : absl::StrCat(good, good == 1 ? " passes" : " pass", " the integrity check"));
  }
}

void ExamineKeys(const v1::DiagnoseResponse& answer, DoctorReport& report) {
  const std::int64_t now_s = std::time(nullptr);
  const v1::DiagnoseResponse::Key* first = nullptr;
  bool all_far = true;
  for (const v1::DiagnoseResponse::Key& key : answer.keys()) {
    if (first == nullptr || key.not_after() < first->not_after()) first = &key;
    if (ExpiryAt(key.not_after(), now_s) == Expiry::kFar) continue;
    all_far = false;
    const DatedKey dated = {absl::StrCat(key.kind(), " ", key.name()), KindNamed(key.kind()),
                            key.not_after()};
    report.Dated("server keys", dated, std::string(Renewal(dated.kind)));
  }
  if (first == nullptr) return report.Ok("server keys", "not known: the server is older than this mirrorctl");
  if (all_far) {
    report.Ok("server keys", absl::StrCat(answer.keys_size(), " keys and certificates, the first ",
                                          ExpiryWords(first->not_after(), now_s)));
  }
}

/// Reports whether the server accepts records, and how many API keys there are. Its TLS certificate is
/// checked with the server's other keys.
void ExamineDoor(AdminClient& client, DoctorReport& report) {
  const std::string step = "HTTP door";
  const auto answer = LookClient(client).ApiKeys();
  if (absl::IsUnimplemented(answer.status()))
    return report.Ok(step, "not known: the server is older than this mirrorctl");
  if (!answer.ok()) {
    return report.Fail(step, std::string(answer.status().message()),
                       "check that the server's user can read the folder that [http] 'api_keys' of "
                       "mirror-server.toml names");
  }
  if (answer->http_url().empty()) return report.Ok(step, "off: no records are accepted");
  for (const std::string& left_out : answer->left_out()) {
    report.Warn(step, left_out,
                "check that the server's user can read the file, and check its content; 'mirrorctl apikey "
                "issue' makes a new key");
  }
  const std::string found =
      absl::StrCat(answer->http_url(), " is served, for ", Counted(answer->keys_size(), "key"));
  if (answer->keys().empty()) {
    return report.Warn(step, absl::StrCat(found, ": it refuses every call"),
                       "make a key with 'mirrorctl apikey issue' on the server's machine");
  }
  if (answer->left_out().empty()) report.Ok(step, found);
}

/// Returns the command that ends a pause. A move blocks the source as a pause does; then the reason of the
/// pause mentions the move (PauseWords() of the server).
std::string WhatEndsAPause(const std::string& name, const std::string& reason) {
  if (reason.starts_with("the mirror was moved to ")) {
    return absl::StrCat("'mirrorctl delete ", name, " --confirm ", name,
                        "' when nobody reads here any more; 'mirrorctl move ", name,
                        " ... --undo' undoes the move, as long as no cycle began at the new side");
  }
  if (reason.starts_with("the mirror is being moved ") || reason == "a move here is being undone") {
    return absl::StrCat(
        "'mirrorctl move ", name,
        " ... --resume', with the options that the move was begun with, finishes it if no command is doing "
        "that now; the same command with --undo undoes it");
  }
  return absl::StrCat("'mirrorctl resume ", name, "' when the tenant is to be mirrored again");
}

/// Reports tables that differ from their source, or may. Returns the number of findings.
int ExamineTables(const v1::Tenant& tenant, DoctorReport& report) {
  const std::string& name = tenant.context_id();
  int found = 0;
  const auto warn = [&](std::uint32_t count, const char* one, const char* more, std::string next) {
    if (count == 0) return;
    ++found;
    report.Warn("tenants", absl::StrCat(name, ": ", Counted(count, "table"), count == 1 ? one : more),
                std::move(next));
  };
  warn(tenant.tables_unsent(), " was not sent by its source in the last cycle",
       " were not sent by their source in the last cycle",
       absl::StrCat("'mirrorctl tables ", name,
                    "' names them and says why; 'mirror-agent status' on the source's machine says what to "
                    "correct"));
  // A pause is a finding of its own. It makes all tables old.
  warn(tenant.paused() ? 0 : tenant.tables_late(), " is older than its freshness target",
       " are older than their freshness target",
       absl::StrCat(
           "check that the source's agent runs: 'mirror-agent status' on its machine; 'mirrorctl tables ",
           name, "' shows the age of each table's data"));
  warn(tenant.tables_differing(), " differs from its source", " differ from their source",
       "'mirror-agent verify --repair' on the source's machine sends the rows that differ");
  return found;
}

/// Returns a time in the form of configurations, such as "90s" or "15m".
std::string TimeInToml(std::int64_t ms) {
  constexpr std::int64_t kSecondMs = 1'000, kMinuteMs = 60 * kSecondMs;
  if (ms % kMinuteMs == 0) return absl::StrCat(ms / kMinuteMs, "m");
  return ms % kSecondMs == 0 ? absl::StrCat(ms / kSecondMs, "s") : absl::StrCat(ms, "ms");
}

/// Returns true if any of the first tenants has a freshness target. Absent: none of them has a suitable
/// table.
std::optional<bool> HasTargets(AdminClient& client, const v1::ListTenantsResponse& tenants) {
  // Each call may open a mirror, so the number of calls is limited.
  constexpr int kTenantsMost = 20;
  int looked = 0;
  for (const v1::Tenant& tenant : tenants.tenants()) {
    const bool has_tables = tenant.tables() > tenant.tables_unpopulated();
    // Records have no source that could be late.
    if (!has_tables || tenant.door() == "records" || !tenant.quarantine().empty()) continue;
    const auto answer = client.Tables(tenant.context_id());
    if (!answer.ok()) continue;
    const bool any = std::any_of(answer->tables().begin(), answer->tables().end(),
                                 [](const v1::TableInfo& table) { return table.freshness_target_ms() > 0; });
    if (any) return true;
    if (++looked == kTenantsMost) break;
  }
  return looked > 0 ? std::optional(false) : std::nullopt;
}

/// Reports that there are no freshness targets. If there are some, it reports nothing: tables that are older
/// than their target are findings of their tenant.
void ExamineFreshness(AdminClient& client, const v1::ListTenantsResponse& tenants, std::int64_t interval_ms,
                      DoctorReport& report) {
  if (HasTargets(client, tenants).value_or(true)) return;
  const std::int64_t known_ms = interval_ms > 0 ? interval_ms : std::int64_t{kIntervalMinutes} * 60'000;
  report.Hint("freshness",
              "no table has a freshness target, so a tenant stays good even if its agent has stopped",
              absl::StrCat("allow tables to be ", kFreshnessIntervals,
                           " times as old as 'interval' of mirror-agent.toml (",
                           interval_ms > 0 ? "" : "by default ", "\"", TimeInToml(known_ms),
                           "\"): add these lines to mirror-server.toml, and restart the server\n[[tenant]]\n"
                           "context_id = \"*\"\nfreshness = \"",
                           TimeInToml(kFreshnessIntervals * known_ms), "\""));
}

/// Reports what waits for an operator, for all tenants.
void ExamineTenants(AdminClient& client, std::int64_t interval_ms, DoctorReport& report) {
  const auto answer = client.Tenants();
  if (!answer.ok()) {
    return report.Fail("tenants", std::string(answer.status().message()),
                       "see the server's log, which has a line for each call and for what went wrong");
  }
  ExamineFreshness(client, *answer, interval_ms, report);
  int waiting = 0, in_hubs = 0;
  for (const v1::Tenant& tenant : answer->tenants()) {
    const std::string& name = tenant.context_id();
    if (!tenant.waiting_source_id().empty()) {
      report.Warn("tenants", absl::StrCat(name, ": another source database waits to be accepted"),
                  absl::StrCat("'mirrorctl accept-source ", name,
                               "' if it is the right one; otherwise stop that source"));
      ++waiting;
    } else if (tenant.holds() > 0) {
      report.Warn("tenants",
                  absl::StrCat(name, ": changes are held, because they would remove too many rows or tables"),
                  absl::StrCat("'mirrorctl hold list ", name, "', then 'hold commit' or 'hold rollback'"));
      ++waiting;
    }
    if (tenant.failing_since_ms() > 0) {
      report.Warn("tenants", absl::StrCat(name, ": its cycles fail: ", tenant.failure()),
                  absl::StrCat("correct the cause; 'mirrorctl events ", name, "' shows more"));
      ++waiting;
    }
    waiting += ExamineTables(tenant, report);
    if (tenant.tables_refused() > 0) {
      report.Warn("tenants",
                  absl::StrCat(name, ": ", Counted(tenant.tables_refused(), "table"),
                               tenant.tables_refused() == 1 ? " is" : " are",
                               " refused: nothing of them is mirrored"),
                  absl::StrCat("'mirrorctl events ", name, " --kind table.refused' says why"));
      ++waiting;
    }
    if (tenant.hub().suspended_ms() > 0) ++in_hubs;
    if (tenant.paused()) {
      report.Warn("tenants", absl::StrCat(name, " is paused: ", tenant.pause_reason()),
                  WhatEndsAPause(name, tenant.pause_reason()));
      ++waiting;
    }
  }
  if (waiting > 0) return;
  const std::string found = absl::StrCat(answer->tenants_size(), ", and none of them waits for an operator");
  report.Ok("tenants", in_hubs == 0 ? found : absl::StrCat(found, ", except those that a hub suspended"));
}

/// Reports on hubs. For a server without hubs it reports nothing.
void ExamineHubs(AdminClient& client, DoctorReport& report) {
  const auto answer = HubClient(client).Hubs();
  if (absl::IsUnimplemented(answer.status())) return;
  if (!answer.ok()) {
    return report.Fail("hubs", std::string(answer.status().message()),
                       "see the server's log, which has a line for each call and for what went wrong");
  }
  const std::int64_t now_ms = NowMs();
  for (const v1::HubState& hub : answer->hubs()) {
    const std::vector<HubWait> waits = WhatHubWaitsFor(hub, now_ms);
    for (const HubWait& wait : waits) report.Warn("hubs", wait.words, wait.next);
    if (!waits.empty()) continue;
    report.Ok("hubs", absl::StrCat("'", hub.storage(), "' has ", Counted(hub.records(), "golden record"),
                                   ", and nothing waits for an operator"));
  }
}

/// Reports on the servers that share the mirrors. It reports nothing if there is only one, or for a viewer,
/// who may not make the call.
void ExamineFleet(AdminClient& client, DoctorReport& report) {
  const auto answer = client.Servers();
  if (absl::IsPermissionDenied(answer.status()) || absl::IsUnimplemented(answer.status())) return;
  if (!answer.ok()) {
    return report.Fail("servers", std::string(answer.status().message()),
                       "see the server's log, which has a line for each call and for what went wrong");
  }
  if (answer->servers_size() < 2) return;
  const std::vector<std::string> others = ServersWithOtherRules(*answer);
  if (others.empty()) {
    return report.Ok("servers",
                     absl::StrCat(answer->servers_size(), ", and all running ones have the same rules"));
  }
  report.Warn(
      "servers",
      absl::StrCat("configured differently from the server that answers: ", absl::StrJoin(others, ", ")),
      "'mirrorctl events --kind server.rules' says what may differ. Give all servers the same configuration "
      "and key, and restart those that had another one; 'mirrorctl servers' shows them");
}

void SkipCalls(const std::string& because, DoctorReport& report) {
  for (const char* const step : kCallSteps) report.Skip(step, because);
}

void ExamineCalls(const ControlConfig& config, std::int64_t interval_ms, DoctorReport& report) {
  const absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(config);
  const std::int64_t asked_ms = NowMs();
  const auto answer = client.ok() ? (*client)->Diagnose("") : client.status();
  const std::int64_t after_ms = NowMs();
  if (!answer.ok()) {
    report.Fail("admin call", std::string(answer.status().message()),
                absl::IsPermissionDenied(answer.status())
                    ? std::string(Renewal(KeyKind::kAdminIdentity))
                    : "see the server's log, which has a line for each call and for what went wrong");
    return SkipCalls("admin call", report);
  }
  report.Ok("admin call", "the server answers");
  if (answer->server_time_ms() == 0) {
    report.Ok("server clock", "not known: the server is older than this mirrorctl");
  } else {
    ExamineClock("server clock", answer->server_time_ms(), asked_ms, after_ms, report);
  }
  ExamineDisk(*answer, report);
  ExamineMirrors(*answer, report);
  ExamineKeys(*answer, report);
  ExamineDoor(**client, report);
  ExamineTenants(**client, interval_ms, report);
  ExamineHubs(**client, report);
  ExamineFleet(**client, report);
}

}  // namespace

bool ExamineClock(const std::string& step, std::int64_t server_ms, std::int64_t asked_ms,
                  std::int64_t after_ms, DoctorReport& report) {
  // The server read its clock between the two times, which may be a minute apart. Only a time outside of them
  // is a difference.
  const std::int64_t skew_ms = server_ms - std::clamp(server_ms, std::min(asked_ms, after_ms), after_ms);
  if (std::abs(skew_ms) <= kSkewNoticeMs) {
    const std::int64_t took_ms = after_ms - asked_ms;
    report.Ok(step, took_ms <= kSkewNoticeMs
                        ? "the same as here, within 5 s"
                        : absl::StrCat("the same as here, within ", SpanText(took_ms),
                                       ": the answer took so long that no better comparison is possible"));
    return true;
  }
  const std::string words = absl::StrCat("the server's clock is ", SpanText(std::abs(skew_ms)),
                                         skew_ms > 0 ? " ahead of" : " behind", " this machine's");
  const std::string next = "set both clocks by a time service (chrony, systemd-timesyncd)";
  if (std::abs(skew_ms) <= kSkewMaxMs) {
    report.Warn(step, words, next);
    return true;
  }
  report.Fail(step, absl::StrCat(words, ": tokens that are made here are refused there"), next);
  return false;
}

bool ExamineClockHere(const std::vector<std::string>& certificates, DoctorReport& report) {
  const std::int64_t now_s = std::time(nullptr);
  std::int64_t latest_s = now_s;
  std::string file;
  for (const std::string& one : certificates) {
    // If a certificate cannot be read, the steps that need it report that.
    const absl::StatusOr<CertificateInfo> info = ReadCertificateInfo(one);
    if (!info.ok() || info->not_before <= latest_s) continue;
    latest_s = info->not_before;
    file = one;
  }
  if (file.empty()) return true;
  report.Fail("clock here",
              absl::StrCat("this machine's clock says ", FormatUnixTime(now_s), ", and '", file,
                           "' is valid from ", FormatUnixTime(latest_s), " on: the clock is behind by ",
                           SpanText((latest_s - now_s) * 1'000),
                           " or more, or the clock was ahead where that file was made"),
              absl::StrCat(kSetTheClock, ": until then valid certificates and tokens look invalid"));
  return false;
}

void ExamineServer(const ControlConfig& config, std::int64_t interval_ms, DoctorReport& report) {
  const absl::Status pair = CheckTlsPair(config.tls.certificate, config.tls.key);
  Port port;
  port.name = "admin";
  port.address = config.address;
  port.tls = config.tls;
  port.anonymous = !pair.ok();
  if (port.anonymous) port.tls.certificate = port.tls.key = "";
  port.configured = absl::StrCat("[endpoint] of '", config.file, "'");
  port.listener = "[admin]";
  port.certificate = KeyKind::kAdmin;
  const std::string failed = ExaminePort(port, report);
  std::vector<DatedKey> authorities;
  AddCertificates(config.tls.ca, KeyKind::kEndpointCa, &authorities);
  for (const DatedKey& authority : authorities) {
    report.Dated("admin authority", authority, std::string(Renewal(authority.kind)));
  }
  const bool usable = ExamineIdentity(config, pair, failed.empty(), report);
  if (failed.empty() && usable) return ExamineCalls(config, interval_ms, report);
  report.Skip("admin call", failed.empty() ? "admin identity" : failed);
  SkipCalls(failed.empty() ? "admin identity" : failed, report);
}

}  // namespace mirror
