#include "server/watch/expiry.h"

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::int64_t kDayS = 86'400;

/// Returns the name of a key for use in a sentence.
std::string Named(const DatedKey& key) {
  switch (key.kind) {
    case KeyKind::kSource:
      return absl::StrCat("the source's key '", key.name, "'");
    case KeyKind::kApplication:
      return absl::StrCat("the application's certificate '", key.name, "'");
    case KeyKind::kListenerCa:
    case KeyKind::kAdminCa:
      return absl::StrCat("the clients' authority '", key.name, "'");
    default:
      return absl::StrCat("the certificate '", key.name, "'");
  }
}

}  // namespace

std::vector<DatedKey> ServerKeys(const ServerConfig& config, const std::vector<KeyInfo>& sources) {
  std::vector<DatedKey> keys;
  for (const KeyInfo& source : sources) {
    // The application's own key has no times.
    if (source.not_after != 0) keys.push_back({source.key_id, KeyKind::kSource, source.not_after});
  }
  AddCertificates(CertificateBeside(config.application.key), KeyKind::kApplication, &keys);
  if (!config.listen.plaintext) {
    AddCertificates(config.listen.certificate, KeyKind::kListener, &keys);
    AddCertificates(config.listen.client_ca, KeyKind::kListenerCa, &keys);
  }
  const HttpConfig& http = config.http;
  const bool has_own = config.listen.plaintext || http.certificate != config.listen.certificate;
  if (http.enabled && !http.plaintext && has_own) AddCertificates(http.certificate, KeyKind::kHttp, &keys);
  AddCertificates(config.admin.certificate, KeyKind::kAdmin, &keys);
  AddCertificates(config.admin.client_ca, KeyKind::kAdminCa, &keys);
  return keys;
}

std::vector<ExpiryNotice> ExpiryNotices(std::int64_t now_s, const std::vector<DatedKey>& keys) {
  std::vector<ExpiryNotice> notices;
  for (const DatedKey& key : keys) {
    const Expiry expiry = ExpiryAt(key.not_after_s, now_s);
    if (expiry == Expiry::kFar) continue;
    notices.push_back({key, expiry == Expiry::kOver ? Severity::kError : Severity::kWarning,
                       absl::StrCat(Named(key), " ", ExpiryWords(key.not_after_s, now_s), ": ",
                                    std::string(Renewal(key.kind)))});
  }
  return notices;
}

void ExpiryWatch::Look(std::int64_t now_s) {
  const std::vector<ExpiryNotice> notices = ExpiryNotices(now_s, keys_());
  const std::int64_t day = now_s / kDayS;
  std::vector<const ExpiryNotice*> news;
  {
    const MutexLock lock(mutex_);
    day_ = day;
    // Keys reported on another day are reported again, or are renewed.
    std::erase_if(told_, [day](const auto& one) { return one.second != day; });
    for (const ExpiryNotice& notice : notices) {
      const std::string name = absl::StrCat(static_cast<int>(notice.severity), " ",
                                            std::string(KindName(notice.key.kind)), " ", notice.key.name);
      if (told_.emplace(name, day).second) news.push_back(&notice);
    }
  }
  for (const ExpiryNotice* const notice : news) {
    events_.Add("", notice->severity, "key.expires", notice->message);
  }
}

void ExpiryWatch::LookDaily(std::int64_t now_s) {
  {
    const MutexLock lock(mutex_);
    if (day_ == now_s / kDayS) return;
  }
  Look(now_s);
}

}  // namespace mirror
