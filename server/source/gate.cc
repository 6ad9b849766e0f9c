#include "server/source/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/name_pattern.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "certs/key.h"
#include "certs/token_cache.h"

namespace mirror {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::int64_t NowS() { return SharedNowMs() / 1'000; }

absl::Status KeyExpired(const std::string& key_id, std::int64_t until_s) {
  return absl::UnauthenticatedError(
      absl::StrCat("the certificate of the key '", key_id, "' expired at ", FormatUnixTime(until_s),
                   ". Nothing more was done. Sign with a key whose certificate is valid."));
}

absl::Status EndedUnderway(const absl::Status& why) {
  return {why.code(), absl::StrCat("this call was under way, and its key is no longer accepted: ",
                                   why.message(), " What was acknowledged before stays.")};
}

}  // namespace

absl::Status BadHeader(std::string_view what) {
  return absl::UnauthenticatedError(absl::StrCat(
      std::string(what),
      ". Nothing was done. Send exactly one header 'authorization: Bearer <token>' with a new token "
      "of typ ",
      std::string(TokenType(TokenUse::kCall)), "."));
}

/// The data that every token is checked against. Immutable except the memory of
/// tokens that passed, which belongs to these keys.
struct Gate::Content {
  Content(SigningKey signing_key, KeyRing key_ring)
      : key(std::move(signing_key)), ring(std::move(key_ring)) {}

  bool Lists(const std::string& name, const std::string& environment, const std::string& context_id) const {
    const auto issuer = std::find_if(issuers.begin(), issuers.end(), [&](const IssuerConfig& candidate) {
      return candidate.name == name && candidate.environment == environment;
    });
    return issuer != issuers.end() &&
           std::any_of(issuer->contexts.begin(), issuer->contexts.end(),
                       [&](const std::string& pattern) { return MatchesExactly(context_id, pattern); });
  }

  absl::StatusOr<Caller> Allow(const VerifiedToken& token) const {
    const Claims& claims = token.claims;
    if (!Lists(claims.issuer, token.environment, claims.context_id)) {
      return absl::PermissionDeniedError(absl::StrCat(
          "the tenant '", claims.context_id, "' is not in the list of issuer '", claims.issuer,
          "', environment '", token.environment,
          "'. Nothing was done. Ask the mirror's operator to add it to 'contexts' of that [[issuer]]."));
    }
    Caller caller;
    caller.context_id = claims.context_id;
    caller.issuer = claims.issuer;
    caller.environment = token.environment;
    caller.application_id = rules.audience;
    caller.nonce = claims.nonce;
    caller.expires_ms = (claims.expires + rules.leeway_s) * 1'000;
    caller.issued_s = claims.issued;
    return caller;
  }

  SigningKey key;
  KeyRing ring;
  TokenRules rules;
  std::vector<IssuerConfig> issuers;
  mutable TokenCache cache;
};

absl::StatusOr<std::shared_ptr<const Gate::Content>> Gate::Read(const ServerConfig& config) {
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::Load(config.application.key, config.application.key_id));
  std::vector<IssuerFolder> folders;
  for (const IssuerConfig& issuer : config.issuers)
    folders.push_back({issuer.name, issuer.environment, issuer.keys});
  ASSIGN_OR_RETURN(KeyRing ring, KeyRing::Load(folders));
  auto content = std::make_shared<Content>(std::move(key), std::move(ring));
  content->rules.audience = config.application.id;
  content->rules.context_claim = config.tokens.context_claim;
  content->rules.lifetime_max_s = config.tokens.lifetime_max.count();
  content->rules.leeway_s = config.tokens.leeway.count();
  for (const std::string& name : config.tokens.algorithms) {
    if (const std::optional<Algorithm> algorithm = ParseAlgorithm(name))
      content->rules.algorithms.push_back(*algorithm);
  }
  content->issuers = config.issuers;
  return content;
}

absl::StatusOr<std::unique_ptr<Gate>> Gate::Open(const ServerConfig& config) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Content> content, Read(config));
  return std::unique_ptr<Gate>(new Gate(std::move(content)));
}

Gate::Gate(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
Gate::~Gate() = default;

std::shared_ptr<const Gate::Content> Gate::content() const {
  const MutexLock lock(mutex_);
  return content_;
}

absl::StatusOr<std::size_t> Gate::Reload(const ServerConfig& config) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Content> content, Read(config));
  const std::size_t keys = content->ring.size();
  const MutexLock lock(mutex_);
  content_ = std::move(content);
  return keys;
}

absl::StatusOr<Caller> Gate::AdmitHeader(std::string_view authorization) const {
  if (!authorization.starts_with(kBearer))
    return BadHeader("the authorization header does not begin with 'Bearer '");
  const std::shared_ptr<const Content> now = content();
  ASSIGN_OR_RETURN(VerifiedToken token, now->cache.Verify(authorization.substr(kBearer.size()),
                                                          TokenUse::kCall, now->ring, now->rules, NowS()));
  return now->Allow(token);
}

absl::Status Gate::AdmitHeaderAgain(std::string_view authorization, const Caller& caller, std::int64_t now_s,
                                    CallerStanding* standing) const {
  const std::shared_ptr<const Content> now = content();
  if (standing->keys == now->ring.generation() && now_s < standing->key_until_s) return absl::OkStatus();
  authorization.remove_prefix(std::min(kBearer.size(), authorization.size()));
  const std::int64_t token_end_s = caller.expires_ms / 1'000 - 1;
  const absl::StatusOr<VerifiedToken> token =
      now->cache.Verify(authorization, TokenUse::kCall, now->ring, now->rules, std::min(now_s, token_end_s));
  if (!token.ok()) return EndedUnderway(token.status());
  if (const absl::StatusOr<Caller> allowed = now->Allow(*token); !allowed.ok())
    return EndedUnderway(allowed.status());
  const std::int64_t key_until_s = now->ring.Find(token->key_id)->key.not_after().value_or(0) + 1;
  if (now_s >= key_until_s) return EndedUnderway(KeyExpired(token->key_id, key_until_s));
  *standing = {now->ring.generation(), key_until_s};
  return absl::OkStatus();
}

absl::StatusOr<Caller> Gate::AdmitToken(std::string_view request_token) const {
  const std::shared_ptr<const Content> now = content();
  ASSIGN_OR_RETURN(VerifiedToken token,
                   VerifyToken(request_token, TokenUse::kAuthenticate, now->ring, now->rules, NowS()));
  return now->Allow(token);
}

absl::StatusOr<std::string> Gate::Sign(Answer answer) const {
  const std::shared_ptr<const Content> now = content();
  answer.application_id = now->rules.audience;
  answer.time_s = NowS();
  return SignAnswer(now->key, answer);
}

absl::StatusOr<std::string> Gate::SignReceipts(Answer answer) const {
  const std::shared_ptr<const Content> now = content();
  answer.application_id = now->rules.audience;
  answer.time_s = NowS();
  return SignReceiptHead(now->key, answer);
}

absl::StatusOr<KeySignature> Gate::SignText(std::string_view text) const {
  const std::shared_ptr<const Content> now = content();
  ASSIGN_OR_RETURN(std::string signature, now->key.Sign(text));
  return KeySignature{now->key.key_id(), std::move(signature)};
}

absl::Status Gate::CheckTakes(const std::string& issuer, const std::string& environment,
                              const std::string& context_id) const {
  if (content()->Lists(issuer, environment, context_id)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("no [[issuer]] of this server takes the tenant '", context_id, "' of issuer '", issuer,
                   "', environment '", environment,
                   "'. Nothing was changed. Add it to 'contexts' of that [[issuer]] here first."));
}

std::string Gate::application_id() const { return content()->rules.audience; }
std::string Gate::application_key() const { return content()->key.PublicThumbprint(); }

std::vector<KeyInfo> Gate::keys() const {
  const std::shared_ptr<const Content> now = content();
  std::vector<KeyInfo> keys = now->ring.keys();
  KeyInfo own;
  own.issuer = now->rules.audience;
  own.key_id = now->key.key_id();
  own.algorithm = now->key.algorithm();
  keys.push_back(std::move(own));
  return keys;
}

}  // namespace mirror
