#include "certs/token.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNonceMin = 16, kNonceMax = 64;  // Characters.
constexpr int kDepthMax = 8;                           // Levels of nesting in a header or payload.
constexpr std::int64_t kLastSecond = 253402300799;     // 9999-12-31T23:59:59Z: sums below cannot overflow.

// Makes a refusal. Its text ends with the state that results and what to do.
absl::Status Refuse(const std::string& what, const std::string& next) {
  return absl::UnauthenticatedError(absl::StrCat(what, ". Nothing was done. ", next));
}

absl::Status ByTheClock(absl::Status status, std::int64_t clock_s) {
  status.SetPayload(kClockPayload, absl::Cord(absl::StrCat(clock_s)));
  return status;
}

bool IsNonce(std::string_view text) {
  // A nonce has the same characters as a context id, but another length.
  return text.size() >= kNonceMin && text.size() <= kNonceMax && IsContextId(text);
}

// Reads a JSON object in which no member occurs twice, at any level: otherwise two readers of the same text
// could see two different tokens.
absl::StatusOr<Json> ParseObject(std::string_view text, const std::string& part) {
  std::vector<std::set<std::string>> names;  // One set for each open object.
  bool twice = false, deep = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    deep = deep || depth > kDepthMax;
    if (event == Json::parse_event_t::object_start) {
      names.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      names.pop_back();
    } else if (event == Json::parse_event_t::key) {
      twice = !names.back().insert(value.get_ref<const std::string&>()).second || twice;
    }
    return true;
  };
  Json object = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (object.is_discarded() || !object.is_object() || deep) {
    return Refuse(absl::StrCat("the token's ", part, " is not a plain JSON object"),
                  "Build it as RFC 7519 says.");
  }
  if (twice) {
    return Refuse(absl::StrCat("the token's ", part, " names a member twice"), "Name each member once.");
  }
  return object;
}

// Returns a member that is a text. Null: it is missing, or not a text.
const std::string* Text(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

// Returns a member that is a whole number. Absent: it is missing, or not a whole number in the range of the
// type.
std::optional<std::int64_t> Integer(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() &&
      found->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return found->get<std::int64_t>();
}

// The parts of a token, not verified yet. The views are into the token.
struct Parts {
  Json header;
  std::string_view signed_bytes;  // Header, dot and payload as received.
  std::string_view payload;       // The payload, still in base64url.
  std::string signature;          // The signature, decoded.
  Algorithm algorithm = Algorithm::kEs256;
};

absl::StatusOr<Parts> TakeApart(std::string_view token, TokenUse use) {
  if (token.empty()) {
    return Refuse("there is no token", "Send a signed token with the call.");
  }
  if (token.size() > kTokenBytesMax) {
    return Refuse(absl::StrCat("the token has ", token.size(), " bytes, more than ", kTokenBytesMax),
                  "Sign a shorter one.");
  }
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Refuse("the token is not three parts with a dot between", "Sign it in JWT's compact form.");
  }
  Parts parts;
  parts.signed_bytes = token.substr(0, second);
  parts.payload = token.substr(first + 1, second - first - 1);
  const std::optional<std::string> header = DecodeBase64Url(token.substr(0, first));
  std::optional<std::string> signature = DecodeBase64Url(token.substr(second + 1));
  if (!header || !signature) {
    return Refuse("the token's header or signature is not base64url without padding",
                  "Sign it in JWT's compact form.");
  }
  parts.signature = *std::move(signature);
  ASSIGN_OR_RETURN(parts.header, ParseObject(*header, "header"));
  if (parts.header.contains("crit")) {
    return Refuse("the token's header demands extensions ('crit'), but this reader knows none",
                  "Sign it without 'crit'.");
  }
  const std::string* type = Text(parts.header, "typ");
  if (type == nullptr || *type != TokenType(use)) {
    return Refuse(
        absl::StrCat("the token's 'typ' is not '", std::string(TokenType(use)), "'"),
        "Authenticate, the other calls and the endpoint's answer each need a token with their own 'typ'.");
  }
  const auto named = parts.header.find("alg");
  if (named == parts.header.end() || !named->is_string()) {
    return Refuse("the token's 'alg' is missing or not a text",
                  "Sign it with ES256 or RS256 and name that in 'alg'.");
  }
  const std::optional<Algorithm> algorithm = ParseAlgorithm(named->get_ref<const std::string&>());
  if (!algorithm) {
    return Refuse("the token's 'alg' is neither ES256 nor RS256", "Sign it with one of these.");
  }
  parts.algorithm = *algorithm;
  return parts;
}

// Verifies the signature, and only then reads the payload.
absl::StatusOr<Json> Open(const Parts& parts, const PublicKey& key, const std::string& whose) {
  if (parts.algorithm != key.algorithm()) {
    return Refuse(absl::StrCat("the token's 'alg' is ", std::string(ToString(parts.algorithm)), " and ",
                               whose, " is for ", std::string(ToString(key.algorithm()))),
                  "Name the algorithm of the key that signs.");
  }
  if (!key.Verify(parts.signed_bytes, parts.signature)) {
    return Refuse(absl::StrCat("the token's signature does not match ", whose),
                  "Sign it with the private key that belongs to that certificate.");
  }
  const std::optional<std::string> payload = DecodeBase64Url(parts.payload);
  if (!payload) {
    return Refuse("the token's payload is not base64url without padding", "Sign it in JWT's compact form.");
  }
  return ParseObject(*payload, "payload");
}

absl::Status CheckAudience(const Json& payload, const std::string& expected) {
  const auto found = payload.find("aud");
  const Json* audience = found == payload.end() ? nullptr : &*found;
  if (audience != nullptr && audience->is_array() && audience->size() == 1) audience = &audience->front();
  if (audience != nullptr && audience->is_string() && audience->get_ref<const std::string&>() == expected) {
    return absl::OkStatus();
  }
  return Refuse(
      absl::StrCat("the token's audience ('aud') must be this application and no other: '", expected, "'"),
      "Put its id into 'aud' ([identity] application_id in the agent's configuration).");
}

// Reads a time. Its range is limited so that no sum below overflows.
absl::StatusOr<std::int64_t> Time(const Json& payload, const std::string& name) {
  const std::optional<std::int64_t> time = Integer(payload, name);
  if (time && *time > 0 && *time <= kLastSecond) return *time;
  return Refuse(
      absl::StrCat("the token's '", name, "' is missing or not a whole number of seconds after 1970"),
      "Set it from the clock, in unix seconds.");
}

absl::Status CheckTimes(const Json& payload, const TokenRules& rules, std::int64_t now_s, Claims& claims) {
  ASSIGN_OR_RETURN(const std::int64_t expires, Time(payload, "exp"));
  ASSIGN_OR_RETURN(const std::int64_t not_before, Time(payload, "nbf"));
  ASSIGN_OR_RETURN(const std::int64_t issued, Time(payload, payload.contains("iat") ? "iat" : "nbf"));
  if (expires <= not_before) {
    return Refuse("the token ends ('exp') before it begins ('nbf')", "Set both from the clock.");
  }
  if (expires - not_before > rules.lifetime_max_s) {
    return Refuse(absl::StrCat("the token lives ", expires - not_before,
                               " s from 'nbf' to 'exp', longer than ", rules.lifetime_max_s, " s"),
                  "Sign a new one for each call or every few minutes.");
  }
  const auto outside = [now_s](const std::string& limit, std::int64_t time) {
    return ByTheClock(Refuse(absl::StrCat("the token ", limit, FormatUnixTime(time),
                                          "; this server's clock says ", FormatUnixTime(now_s)),
                             "Sign a new one; if it is new, set the clocks right."),
                      now_s);
  };
  if (now_s >= expires + rules.leeway_s) return outside("expired at ", expires);
  if (now_s < not_before - rules.leeway_s) return outside("is valid only from ", not_before);
  claims.not_before = not_before;
  claims.expires = expires;
  claims.issued = issued;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Sign(const SigningKey& key, TokenUse use, const Json& payload) {
  const Json header = {{"alg", ToString(key.algorithm())}, {"kid", key.key_id()}, {"typ", TokenType(use)}};
  const auto encode = [](const Json& part) {
    // Bytes that are not UTF-8 are replaced, so that dump() does not throw. The receiver refuses the text,
    // because its form is wrong.
    return EncodeBase64Url(part.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  std::string token = absl::StrCat(encode(header), ".", encode(payload));
  ASSIGN_OR_RETURN(const std::string signature, key.Sign(token));
  absl::StrAppend(&token, ".", EncodeBase64Url(signature));
  return token;
}

// Returns the members of an answer, without its nonce.
Json PayloadOf(const Answer& answer) {
  Json payload = {{"iss", answer.application_id},
                  {"context_id", answer.context_id},
                  {"cycle", answer.cycle},
                  {"iat", answer.time_s}};
  if (answer.receipts) {
    payload["receipt"] = answer.receipts->number;
    payload["receipt_sha256"] = answer.receipts->sha256;
  }
  return payload;
}

std::optional<SignedHead> HeadOf(const Json& payload) {
  const std::optional<std::int64_t> number = Integer(payload, "receipt");
  const std::string* const sha256 = Text(payload, "receipt_sha256");
  if (!number || *number < 0 || sha256 == nullptr) return std::nullopt;
  return SignedHead{static_cast<std::uint64_t>(*number), *sha256};
}

}  // namespace

std::optional<std::int64_t> ClockOfRefusal(const absl::Status& status) {
  const auto told = status.GetPayload(kClockPayload);
  std::int64_t clock_s = 0;
  if (!told || !absl::SimpleAtoi(std::string(*told), &clock_s) || clock_s < 0 || clock_s > kLastSecond) {
    return std::nullopt;
  }
  return clock_s;
}

std::string_view TokenType(TokenUse use) {
  switch (use) {
    case TokenUse::kAuthenticate:
      return "mirror-auth+jwt";
    case TokenUse::kCall:
      return "mirror-call+jwt";
    case TokenUse::kReceipts:
      return "mirror-receipts+jwt";
    case TokenUse::kAnswer:
      break;
  }
  return "mirror-answer+jwt";
}

absl::StatusOr<std::string> SignToken(const SigningKey& key, TokenUse use, const Claims& claims,
                                      const std::string& context_claim) {
  static constexpr std::string_view kTaken[] = {"", "iss", "aud", "nonce", "nbf", "exp", "iat"};
  if (std::find(std::begin(kTaken), std::end(kTaken), context_claim) != std::end(kTaken)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", context_claim,
                     "' cannot be the name of the token's context id: it is empty or has another meaning. "
                     "Nothing was signed. Set 'context_claim' to the same name as at the endpoint."));
  }
  Json payload = {{"iss", claims.issuer},  {"aud", claims.audience},   {context_claim, claims.context_id},
                  {"nonce", claims.nonce}, {"nbf", claims.not_before}, {"exp", claims.expires}};
  if (claims.issued != 0) payload["iat"] = claims.issued;
  return Sign(key, use, payload);
}

absl::StatusOr<VerifiedToken> VerifyToken(std::string_view token, TokenUse use, const KeyRing& ring,
                                          const TokenRules& rules, std::int64_t now_s) {
  ASSIGN_OR_RETURN(const Parts parts, TakeApart(token, use));
  if (std::find(rules.algorithms.begin(), rules.algorithms.end(), parts.algorithm) ==
      rules.algorithms.end()) {
    return Refuse(absl::StrCat("the token's 'alg' is ", std::string(ToString(parts.algorithm)),
                               ", which this server does not allow"),
                  "Sign with a key of another algorithm, or add this one to [tokens] algorithms.");
  }
  const std::string* key_id = Text(parts.header, "kid");
  if (key_id == nullptr || !IsKeyId(*key_id)) {
    return Refuse("the token names no key: its 'kid' is missing or malformed",
                  "Set it to the name of the certificate's file at the server, without '.crt'.");
  }
  const KeyRing::Entry* entry = ring.Find(*key_id);
  if (entry == nullptr) {
    return Refuse(absl::StrCat("the token's key '", *key_id, "' is not known here, or was removed"),
                  "Give the server its certificate ([[issuer]] keys) and have it re-read them.");
  }
  const std::string whose = absl::StrCat("the key '", *key_id, "'");
  if (const absl::Status valid = entry->key.CheckValidity(now_s); !valid.ok()) {
    return Refuse(absl::StrCat("the token's key '", *key_id, "' is refused: ", std::string(valid.message())),
                  "Issue a new key, see 'mirrorctl certs issue-source'.");
  }
  ASSIGN_OR_RETURN(const Json payload, Open(parts, entry->key, whose));

  VerifiedToken verified;
  RETURN_IF_ERROR(CheckTimes(payload, rules, now_s, verified.claims));
  const std::string* issuer = Text(payload, "iss");
  if (issuer == nullptr || *issuer != entry->issuer) {
    return Refuse(absl::StrCat("the token's 'iss' is not the issuer that owns ", whose),
                  "Write the issuer's name as in the server's [[issuer]].");
  }
  RETURN_IF_ERROR(CheckAudience(payload, rules.audience));
  const std::string* context_id = Text(payload, rules.context_claim);
  if (context_id == nullptr || !IsContextId(*context_id)) {
    return Refuse(absl::StrCat("the token has no context id: '", rules.context_claim,
                               "' must be a text of 1 to 64 letters, digits, '_' and '-'"),
                  "Set it, under the name in the server's [tokens] context_claim.");
  }
  const std::string* nonce = Text(payload, "nonce");
  if (nonce == nullptr || !IsNonce(*nonce)) {
    return Refuse("the token's 'nonce' is missing or not 16 to 64 letters, digits, '_' and '-'",
                  "Make a new random one for each token.");
  }
  verified.claims.issuer = *issuer;
  verified.claims.audience = rules.audience;
  verified.claims.context_id = *context_id;
  verified.claims.nonce = *nonce;
  verified.environment = entry->environment;
  verified.key_id = *key_id;
  verified.usable_from_s = std::max(verified.claims.not_before - rules.leeway_s, *entry->key.not_before());
  verified.usable_until_s = std::min(verified.claims.expires + rules.leeway_s, *entry->key.not_after() + 1);
  return verified;
}

absl::StatusOr<std::string> SignAnswer(const SigningKey& key, const Answer& answer) {
  Json payload = PayloadOf(answer);
  payload["nonce"] = answer.nonce;
  return Sign(key, TokenUse::kAnswer, payload);
}

absl::StatusOr<std::string> SignReceiptHead(const SigningKey& key, const Answer& answer) {
  return Sign(key, TokenUse::kReceipts, PayloadOf(answer));
}

absl::StatusOr<Answer> VerifyReceiptHead(std::string_view token, const PublicKey& application_key,
                                         const std::string& context_id, const std::string& application_id) {
  absl::StatusOr<Parts> parts = TakeApart(token, TokenUse::kReceipts);
  if (!parts.ok()) parts = TakeApart(token, TokenUse::kAnswer);
  if (!parts.ok()) return parts.status();
  ASSIGN_OR_RETURN(const Json payload, Open(*parts, application_key, "the application's key"));
  const std::string* const context = Text(payload, "context_id");
  const std::string* const issuer = Text(payload, "iss");
  const std::optional<std::int64_t> cycle = Integer(payload, "cycle");
  const std::optional<std::int64_t> time = Integer(payload, "iat");
  std::optional<SignedHead> head = HeadOf(payload);
  if (context == nullptr || *context != context_id || issuer == nullptr || *issuer != application_id) {
    return absl::UnauthenticatedError("it is for another context id or application");
  }
  if (!cycle || !time || !head) return absl::UnauthenticatedError("it does not mention receipts");
  return Answer{"", *context, *issuer, *cycle, *time, std::move(head)};
}

absl::StatusOr<Answer> VerifyAnswer(std::string_view token, const PublicKey& application_key,
                                    const Answer& expected, std::int64_t now_s) {
  const auto unproven = [&expected](absl::string_view reason, const std::string& next) {
    // Only the first sentence is used. The other sentences say what the signer should do, but the signer does
    // not read this message.
    const absl::string_view what = reason.substr(0, reason.find(". "));
    return absl::UnauthenticatedError(
        absl::StrCat("the endpoint cannot prove that it is application '", expected.application_id,
                     "': ", what, absl::EndsWith(what, ".") ? "" : ".", " No row was sent. ", next));
  };
  const std::string check =
      "Check 'address' of [endpoint], and 'application_id' and 'application_certificate' of [identity].";
  if (const absl::Status valid = application_key.CheckValidity(now_s); !valid.ok()) {
    return unproven(valid.message(), "Get the application's new certificate from the endpoint's operator.");
  }
  const absl::StatusOr<Parts> parts = TakeApart(token, TokenUse::kAnswer);
  if (!parts.ok()) return unproven(parts.status().message(), check);
  const absl::StatusOr<Json> payload = Open(*parts, application_key, "the application's key");
  if (!payload.ok()) return unproven(payload.status().message(), check);

  const auto says = [&payload](const std::string& name, const std::string& wanted) {
    const std::string* text = Text(*payload, name);
    return text != nullptr && *text == wanted;
  };
  if (!says("nonce", expected.nonce)) {
    return unproven("its answer does not carry this call's nonce",
                    "If this happens again, somebody replays old answers.");
  }
  if (!says("context_id", expected.context_id))
    return unproven("its answer is for another context id", check);
  if (!says("iss", expected.application_id)) return unproven("its answer is from another application", check);
  const std::optional<std::int64_t> cycle = Integer(*payload, "cycle");
  const std::optional<std::int64_t> time = Integer(*payload, "iat");
  if (!cycle || *cycle < 0 || !time || *time <= 0 || *time > kLastSecond) {
    return unproven("its answer has no cycle or no time", check);
  }
  if (*time > now_s + kAnswerTimeSlack || *time < now_s - kAnswerTimeSlack) {
    return ByTheClock(
        unproven(absl::StrCat("its clock says ", FormatUnixTime(*time), " and the one here ",
                              FormatUnixTime(now_s), ", more than ", kAnswerTimeSlack / 60, " minutes apart"),
                 "Set the clocks right."),
        *time);
  }
  return Answer{expected.nonce, expected.context_id, expected.application_id, *cycle,
                *time,          HeadOf(*payload)};
}

}  // namespace mirror
