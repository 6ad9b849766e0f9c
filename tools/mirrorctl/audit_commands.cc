#include "tools/mirrorctl/admin_commands.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "base/text/text_table.h"
#include "certs/audit_chain.h"
#include "certs/key.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/control_config.h"

namespace mirror {
namespace {

constexpr std::uint64_t kRecordsDefault = 100;
constexpr int kCertificatesMax = 100;

struct AuditRequest {
  std::uint64_t limit = kRecordsDefault;
  std::vector<std::string> certificates;
  std::string receipt, chain;
  bool json = false;
  bool looks = false;
  bool wide = false;
};

void Fail(Console& console, const absl::Status& status, int code) {
  console.Fail(absl::Status(status.code(), Printable(std::string(status.message()))));
  console.exit_code = code;
}

AuditRecord RecordOf(const v1::AuditRecord& message) {
  return {message.id(),      message.time_ms(), message.who(), message.call(),
          message.outcome(), message.seal(),    message.hash()};
}

AuditPoint PointOf(const v1::AuditPoint& message) { return {message.chain(), message.id(), message.hash()}; }

void ListRecords(AdminClient& admin, const ControlConfig& /*config*/, const AuditRequest& request,
                 Console& console) {
  Json list = Json::array();
  TextTable table({{.name = "record", .number = true, .goes = 1},
                   {.name = "time", .goes = 3},
                   {"who"},
                   {.name = "outcome", .goes = 2},
                   {"call"}},
                  request.wide ? 0 : kStreamWidth);
  const absl::Status status = admin.Audit(request.limit, request.looks, [&](const v1::AuditEntry& entry) {
    if (!entry.has_record()) return;
    const v1::AuditRecord& record = entry.record();
    if (request.json) list.push_back(ToJson(record));
    table.Add({absl::StrCat(record.id()), TimeText(record.time_ms()), record.who(), record.outcome(),
               record.call()});
  });
  if (!status.ok()) return Fail(console, status, Console::kFailed);
  if (request.json) return PrintJson(console.out, list);
  table.Print(console.out);
  if (!table.any()) console.err << "mirrorctl: there are no records\n";
}

/// Reads the last point of an earlier check. Absent: there was no earlier check.
absl::StatusOr<std::optional<AuditPoint>> ReadReceipt(const std::string& path) {
  if (path.empty() || !std::filesystem::exists(path)) return std::optional<AuditPoint>();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const Json json = Json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  try {
    return AuditPoint{json.at("chain").get<std::string>(), json.at("record").get<std::uint64_t>(),
                      absl::HexStringToBytes(json.at("hash").get<std::string>())};
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path,
        "' is not a receipt of 'audit verify'. Nothing was checked. Name another file, or remove it"));
  }
}

absl::StatusOr<std::vector<PublicKey>> ReadKeys(const ControlConfig& config, const AuditRequest& request) {
  std::vector<std::string> paths = request.certificates;
  if (paths.empty() && !config.audit_certificate.empty()) paths.push_back(config.audit_certificate);
  if (paths.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.file,
                     ": there is no [audit] 'certificate'. Nothing was checked. Name the certificate of the "
                     "endpoint's application key there, or with --certificate"));
  }
  std::vector<PublicKey> keys;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(PublicKey key, PublicKey::Load(path));
    keys.push_back(std::move(key));
  }
  return keys;
}

Json VerdictJson(const AuditVerdict& verdict) {
  return {{"whole", verdict.findings.empty()},
          {"chain", verdict.last.chain},
          {"records", verdict.records},
          {"last", verdict.last.id},
          {"hash", absl::BytesToHexString(verdict.last.hash)},
          {"signatures", verdict.seals},
          {"signed_until", verdict.sealed_id},
          {"signed_ms", verdict.sealed_ms},
          {"pruned_until", verdict.pruned_until},
          {"findings", verdict.findings}};
}

void PrintVerdict(const AuditVerdict& verdict, Console& console) {
  console.out << "chain         " << verdict.last.chain << "\nrecords       " << Grouped(verdict.records)
              << ", to number " << verdict.last.id;
  if (verdict.pruned_until > 0) console.out << "; 1 to " << verdict.pruned_until << " were pruned";
  console.out << "\nsignatures    " << Grouped(verdict.seals);
  if (verdict.sealed_id > 0) {
    console.out << ", the last in record " << verdict.sealed_id << " at " << TimeText(verdict.sealed_ms);
  }
  console.out << "\nnot signed    " << Grouped(verdict.last.id - verdict.sealed_id) << " since\n"
              << (verdict.findings.empty() ? "the log is whole\n" : "the log is NOT whole\n");
}

void VerifyLog(AdminClient& admin, const ControlConfig& config, const AuditRequest& request,
               Console& console) {
  absl::StatusOr<std::vector<PublicKey>> keys = ReadKeys(config, request);
  if (!keys.ok()) return Fail(console, keys.status(), Console::kWrongUsage);
  absl::StatusOr<std::optional<AuditPoint>> receipt = ReadReceipt(request.receipt);
  if (!receipt.ok()) return Fail(console, receipt.status(), Console::kWrongUsage);
  AuditChecker checker(*std::move(keys), *std::move(receipt), request.chain);
  const absl::Status status = admin.Audit(0, false, [&](const v1::AuditEntry& entry) {
    if (entry.has_record()) return checker.Add(RecordOf(entry.record()));
    AuditState state{PointOf(entry.state().before()), PointOf(entry.state().last()), std::nullopt};
    const absl::StatusOr<AuditSeal> seal = ParseSeal(entry.state().seal());
    if (seal.ok()) state.sealed = *seal;
    checker.Begin(state);
  });
  if (!status.ok()) return Fail(console, status, Console::kFailed);
  const AuditVerdict verdict = checker.End();
  if (request.json) {
    PrintJson(console.out, VerdictJson(verdict));
  } else {
    PrintVerdict(verdict, console);
  }
  for (const std::string& finding : verdict.findings) {
    Fail(console, absl::DataLossError(finding), Console::kFailed);
  }
  if (request.receipt.empty() || !verdict.findings.empty()) return;
  const Json kept = {{"chain", verdict.last.chain},
                     {"record", verdict.last.id},
                     {"hash", absl::BytesToHexString(verdict.last.hash)}};
  const absl::Status written =
      WriteFileAtomically(request.receipt, kept.dump() + "\n", FileUse::kPublic, ExistingFile::kReplace);
  if (!written.ok()) Fail(console, written, Console::kFailed);
}

using Act = void (*)(AdminClient&, const ControlConfig&, const AuditRequest&, Console&);

void RunWith(const std::string& config_path, Act act, const AuditRequest& request, Console& console) {
  const absl::StatusOr<ControlConfig> config = FindControlConfig(config_path, console.err);
  if (!config.ok()) return Fail(console, config.status(), Console::kWrongUsage);
  const absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
  if (!client.ok()) return Fail(console, client.status(), Console::kWrongUsage);
  act(**client, *config, request, console);
}

}  // namespace

void AddAuditCommands(const cli::Command& app, const std::string& config_path, Console& console) {
  const cli::Command audit =
      app.AddCommand("audit", "Show who called what, from a log that shows whether it was altered later");
  audit.RequireCommand();
  audit.Footer("Example:\n  mirrorctl --config dev/mirrorctl.toml audit list --limit 20");
  const auto request = std::make_shared<AuditRequest>();
  const auto add = [&](const char* name, const char* help, const char* example, Act act) {
    const cli::Command command = audit.AddCommand(name, help);
    command.Footer(absl::StrCat("Example:\n  mirrorctl --config dev/mirrorctl.toml audit ", name, example));
    command.Run([&config_path, &console, request, act] { RunWith(config_path, act, *request, console); });
    return command;
  };
  const cli::Command list =
      add("list", "Show what operators did last, newest last", " --limit 20", ListRecords);
  list.Add("--limit", request->limit, "How many, the newest ones; 0: all").ShowDefault();
  list.AddFlag("--looks", request->looks,
               "Instead, show calls that only read and calls that were refused: the last ones only, and not "
               "signed");
  list.AddFlag("--wide", request->wide, "Do not cut, wrap or omit anything, however long the lines are");
  list.AddFlag("--json", request->json, "Print an array of objects");

  const cli::Command verify =
      add("verify", "Recompute the chain and verify its signatures; exit code 1: something is wrong",
          " --receipt audit-receipt.json", VerifyLog);
  verify
      .Add("--certificate", request->certificates,
           "Certificates of the application key and of former application keys; they replace [audit] "
           "'certificate'")
      .Values(1, kCertificatesMax)
      .AsItStands()
      .Completes(cli::Besides::kFiles);
  verify
      .Add("--receipt", request->receipt,
           "File that records what this check saw; the next check uses it to detect missing records")
      .Completes(cli::Besides::kFiles);
  verify
      .Add("--chain", request->chain,
           "Id of a log that you know has replaced another log: it is not "
           "reported")
      .ValueName("ID");
  verify.AddFlag("--json", request->json, "Print an object");
}

}  // namespace mirror
