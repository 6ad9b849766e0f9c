#include "certs/expiry.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "certs/key.h"

namespace mirror {
namespace {

constexpr std::int64_t kDayS = 86'400;

struct KindWords {
  KeyKind kind;
  std::string_view name, renewal;
};

constexpr KindWords kKeyKinds[] = {
    {KeyKind::kSource, "source",
     "make the next key with 'mirrorctl certs issue-source', give it to the source, reload the server's "
     "keys, then remove this one with 'mirrorctl certs remove-source'"},
    {KeyKind::kSourceOwn, "source_own",
     "make the next key with 'mirrorctl certs issue-source', have the endpoint's operator put its "
     "certificate "
     "into the issuer's folder, then set 'key' and 'key_id' of [identity]"},
    {KeyKind::kApplication, "application",
     "make the next key with 'mirrorctl certs issue-application', bring its certificate to the sources, set "
     "'key' and 'key_id' of [application], reload the server's keys, then set 'application_certificate' at "
     "the sources"},
    {KeyKind::kListener, "listener",
     "make it anew with 'mirrorctl certs issue-tls --dir DIR --name HOST --replace'; a running server "
     "notices it"},
    {KeyKind::kListenerCa, "listener_ca",
     "make a new authority, put its certificate into the same file after the old one, issue the sources' "
     "certificates anew with 'mirrorctl certs issue-client', then remove the old one"},
    {KeyKind::kHttp, "http",
     "replace the files of 'certificate' and 'key' of [http] with a new certificate and its key; a running "
     "server notices it"},
    {KeyKind::kAdmin, "admin",
     "make it anew with 'mirrorctl certs issue-tls --listener admin --dir DIR --name HOST --replace'; a "
     "running server notices it"},
    {KeyKind::kAdminCa, "admin_ca",
     "make a new authority, put its certificate into the same file after the old one, issue the operators' "
     "certificates anew with 'mirrorctl certs issue-operator', then remove the old one"},
    {KeyKind::kAdminIdentity, "admin_identity",
     "have a new one issued with 'mirrorctl certs issue-operator' or 'issue-viewer' and set 'certificate' "
     "and "
     "'key' in mirrorctl.toml"},
    {KeyKind::kEndpointCa, "endpoint_ca",
     "ask the server's operator for the certificate of the next authority, and put it into the same file "
     "after the old one"},
    {KeyKind::kClient, "client",
     "have a new one issued with 'mirrorctl certs issue-client' and set 'certificate' and 'key' of "
     "[endpoint]"},
};

const KindWords& WordsOf(KeyKind kind) {
  return *std::find_if(std::begin(kKeyKinds), std::end(kKeyKinds),
                       [kind](const KindWords& words) { return words.kind == kind; });
}

std::string Days(std::int64_t days) { return days == 1 ? "1 day" : absl::StrCat(days, " days"); }

}  // namespace

std::string_view KindName(KeyKind kind) { return WordsOf(kind).name; }

KeyKind KindNamed(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kKeyKinds), std::end(kKeyKinds),
                                         [name](const KindWords& words) { return words.name == name; });
  return found == std::end(kKeyKinds) ? KeyKind::kSource : found->kind;
}

std::string_view Renewal(KeyKind kind) { return WordsOf(kind).renewal; }

void AddCertificates(const std::string& path, KeyKind kind, std::vector<DatedKey>* keys) {
  if (path.empty()) return;
  const absl::StatusOr<std::vector<CertificateInfo>> certificates = ReadCertificateInfos(path);
  if (!certificates.ok()) return;
  for (const CertificateInfo& certificate : *certificates) {
    const std::string name =
        certificates->size() == 1 ? path : absl::StrCat(path, " (", certificate.subject, ")");
    keys->push_back({name, kind, certificate.not_after});
  }
}

std::string CertificateBeside(const std::string& key_path) {
  return std::filesystem::path(key_path).replace_extension(".crt").string();
}

Expiry ExpiryAt(std::int64_t not_after_s, std::int64_t now_s) {
  if (not_after_s < now_s) return Expiry::kOver;
  return not_after_s - now_s <= kExpiryNoticeDays * kDayS ? Expiry::kSoon : Expiry::kFar;
}

std::string ExpiryWords(std::int64_t not_after_s, std::int64_t now_s) {
  const std::string time = FormatUnixTime(not_after_s);
  if (not_after_s < now_s) {
    return absl::StrCat("expired ", time, ", ", Days((now_s - not_after_s) / kDayS), " ago");
  }
  return absl::StrCat("expires ", time, ", in ", Days((not_after_s - now_s) / kDayS));
}

}  // namespace mirror
