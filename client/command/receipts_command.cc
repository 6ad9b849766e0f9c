
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "certs/key.h"
#include "client/command/commands.h"
#include "client/config/config.h"
#include "client/cycle/receipt_check.h"
#include "client/state/receipt_book.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

std::string InWords(const ReceiptVerdict& verdict) {
  if (verdict.receipts == 0) return "no receipts yet";
  std::string words =
      absl::StrCat(Counted(verdict.receipts, "receipt"), verdict.receipts == 1 ? ", number " : ", numbers ",
                   verdict.first, verdict.receipts == 1 ? "" : absl::StrCat(" to ", verdict.last), ", of ",
                   Counted(verdict.tables.size(), "table"), "; ", Grouped(verdict.compared),
                   " compared with what was sent; ");
  if (verdict.signed_to == 0) return absl::StrCat(words, "none is signed yet");
  absl::StrAppend(&words, "signed up to ", verdict.signed_to, " at ", FormatUnixTime(verdict.signed_s));
  if (verdict.unsigned_tail > 0)
    absl::StrAppend(&words, ", ", verdict.unsigned_tail, " after it not signed yet");
  if (verdict.never_signed > 0) {
    absl::StrAppend(&words, "; ", verdict.never_signed,
                    verdict.never_signed == 1
                        ? " other, which the mirror dropped before it was signed, proves nothing"
                        : " others, which the mirror dropped before they were signed, prove nothing");
  }
  return words;
}

Json InJson(const SourceConfig& source, const ReceiptVerdict& verdict) {
  return {{"context_id", source.context_id},
          {"path", source.path},
          {"receipts", verdict.receipts},
          {"first", verdict.first},
          {"last", verdict.last},
          {"compared", verdict.compared},
          {"signed_to", verdict.signed_to},
          {"signed_at", verdict.signed_to == 0 ? "" : FormatUnixTime(verdict.signed_s)},
          {"unsigned", verdict.unsigned_tail},
          {"never_signed", verdict.never_signed},
          {"tables", verdict.tables},
          {"notes", verdict.notes},
          {"notes_more", verdict.notes_more},
          {"findings", verdict.findings},
          {"findings_more", verdict.findings_more}};
}

void Print(const SourceConfig& source, const ReceiptVerdict& verdict, std::ostream& out) {
  out << source.context_id << ": " << InWords(verdict) << '\n';
  for (const std::string& note : verdict.notes) out << "  " << Printable(note) << '\n';
  if (verdict.notes_more > 0) out << "  and " << verdict.notes_more << " more such notes\n";
  for (const std::string& finding : verdict.findings) out << "  WRONG: " << finding << '\n';
  if (verdict.findings_more > 0) out << "  WRONG: and " << verdict.findings_more << " more\n";
}

}  // namespace

int VerifyReceipts(const ReceiptsOptions& options, std::ostream& out, std::ostream& err) {
  const auto fail = [&err](int code, const absl::Status& status) {
    err << kFailedHere << Printable(std::string(status.message())) << '\n';
    return code;
  };
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  if (!config.ok()) return fail(kExitWrongUse, config.status());
  std::vector<PublicKey> loaded;
  std::vector<std::string> paths = options.certificates;
  paths.insert(paths.begin(), config->identity.application_certificate);
  for (const std::string& path : paths) {
    absl::StatusOr<PublicKey> key = PublicKey::Load(path);
    if (!key.ok()) return fail(kExitWrongUse, key.status());
    loaded.push_back(*std::move(key));
  }
  std::vector<const PublicKey*> keys;
  for (const PublicKey& key : loaded) keys.push_back(&key);

  int code = kExitDone;
  Json sources = Json::array();
  for (const SourceConfig& source : config->sources) {
    absl::StatusOr<ReceiptVerdict> verdict = absl::UnknownError("");
    const auto book = ReceiptBook::OpenToRead(config->agent.state_dir, source.context_id);
    if (book.ok()) {
      verdict = CheckReceipts(**book, source.context_id, config->identity.application_id, keys);
    } else {
      verdict = book.status();
    }
    if (!verdict.ok()) {
      code =
          fail(kExitFailed, absl::Status(verdict.status().code(),
                                         absl::StrCat(source.context_id, ": ", verdict.status().message())));
      continue;
    }
    if (!verdict->Proven()) code = kExitFailed;
    if (options.json) {
      sources.push_back(InJson(source, *verdict));
    } else {
      Print(source, *verdict, out);
    }
  }
  if (options.json)
    AsItIs(out) << Json{{"sources", sources}}.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  return code;
}

}  // namespace mirror
