// Attacks by tokens that break a rule, on Authenticate and on the other calls.
#include <ctime>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

constexpr char kUnauthenticated[] = "UNAUTHENTICATED", kDenied[] = "PERMISSION_DENIED";

using TokenChange = std::function<void(TokenParts&)>;
using Sign = std::function<std::string(Target&, const TokenParts&)>;

std::string SignedWell(Target& target, const TokenParts& parts) {
  return Signed(parts, *target.identity().key);
}

/// Sends the same token to Authenticate, and as the header of another call.
Outcome OnBoth(Target& target, const std::function<std::string(TokenUse)>& token) {
  Outcome all = target.Authenticate(token(TokenUse::kAuthenticate));
  AddOutcome(target.Call({"Bearer " + token(TokenUse::kCall)}, target.channel()), &all);
  return all;
}

/// Makes an attack by a token of the victim that is valid except for `change` and the signature that `sign`
/// makes.
Attack::Run Token(TokenChange change, Sign sign = SignedWell) {
  return [change = std::move(change), sign = std::move(sign)](Target& target) {
    return OnBoth(target, [&](TokenUse use) {
      TokenParts parts = target.Parts(use, target.Tenant("victim"));
      change(parts);
      return sign(target, parts);
    });
  };
}

/// Makes an attack by a token of the victim in which the part has this JSON; empty: the token lacks the part.
Attack::Run Token(std::string TokenParts::*part, const std::string& json, Sign sign = SignedWell) {
  return Token([part, json](TokenParts& parts) { parts.*part = json; }, std::move(sign));
}

TokenChange Times(std::int64_t from, std::int64_t to) {
  return [from, to](TokenParts& parts) {
    const std::int64_t now = std::time(nullptr);
    parts.nbf = absl::StrCat(now + from);
    parts.exp = absl::StrCat(now + to);
  };
}

void AsItIs(TokenParts& /*parts*/) {}

/// Returns a Sign that replaces one base64url character of a part (0 header, 1 payload, 2 signature).
Sign Tampered(int part) {
  return [part](Target& target, const TokenParts& parts) {
    std::string token = SignedWell(target, parts);
    std::size_t at = 0;
    for (int i = 0; i < part; ++i) at = token.find('.', at) + 1;
    char& changed = token[at + 10];
    changed = changed == 'A' ? 'B' : 'A';
    return token;
  };
}

Sign SignedBy(const std::string& key_id, Algorithm algorithm) {
  return [key_id, algorithm](Target& target, const TokenParts& parts) {
    const auto key = target.StrangersKey(key_id, algorithm);
    return key == nullptr ? std::string("no key") : Signed(parts, *key);
  };
}

Sign Instead(const std::string& text) {
  return [text](Target&, const TokenParts&) { return text; };
}

std::vector<Attack> Signatures() {
  const Sign hmac = [](Target& target, const TokenParts& parts) {
    return SignedHs256(parts, target.PublicPem());
  };
  const Sign none = [](Target&, const TokenParts& parts) { return Unsigned(parts); };
  return {
      {"alg-none", "A token that says 'alg: none' and has no signature.", kUnauthenticated,
       Token(&TokenParts::alg, "\"none\"", none)},
      {"alg-none-signed", "'alg: none' with a good signature.", kUnauthenticated,
       Token(&TokenParts::alg, "\"none\"")},
      {"alg-none-mixed-case", "'alg: nOnE', which some libraries read as none.", kUnauthenticated,
       Token(&TokenParts::alg, "\"nOnE\"", none)},
      {"no-signature", "A good token whose signature was cut off.", kUnauthenticated, Token(AsItIs, none)},
      {"hs256-with-public-key", "HMAC whose secret is a certificate that everybody can read.",
       kUnauthenticated, Token(&TokenParts::alg, "\"HS256\"", hmac)},
      {"hs256-under-our-alg", "The same under the name of the key's own algorithm.", kUnauthenticated,
       Token(AsItIs, hmac)},
      {"alg-of-another-key", "RS256 as the name of an ES256 signature, or the other way round.",
       kUnauthenticated,
       Token([](TokenParts& p) { p.alg = p.alg == "\"RS256\"" ? "\"ES256\"" : "\"RS256\""; })},
      {"alg-number", "A number instead of the algorithm's name.", kUnauthenticated,
       Token(&TokenParts::alg, "256")},
      {"stranger-with-our-kid", "Signed by another key, with the id of a known key.", kUnauthenticated,
       Token(AsItIs, SignedBy("stranger", Algorithm::kEs256))},
      {"stranger-rs256-with-our-kid", "The same with a key of RS256.", kUnauthenticated,
       Token(&TokenParts::alg, "\"RS256\"", SignedBy("stranger", Algorithm::kRs256))},
      {"tampered-header", "One character of the header, changed after signing.", kUnauthenticated,
       Token(AsItIs, Tampered(0))},
      {"tampered-payload", "One character of the payload, changed after signing.", kUnauthenticated,
       Token(AsItIs, Tampered(1))},
      {"tampered-signature", "One changed character of the signature.", kUnauthenticated,
       Token(AsItIs, Tampered(2))},
      {"base64-padding", "A good token with '=' at its end.", kUnauthenticated,
       Token(AsItIs, [](Target& t, const TokenParts& p) { return SignedWell(t, p) + "="; })},
  };
}

std::vector<Attack> Headers() {
  return {
      {"kid-unknown", "An unknown key id.", kUnauthenticated,
       Token(&TokenParts::kid, "\"nobody-9\"", SignedBy("nobody-9", Algorithm::kEs256))},
      {"kid-missing", "No key id.", kUnauthenticated, Token(&TokenParts::kid, "")},
      {"kid-number", "A number as the key id.", kUnauthenticated, Token(&TokenParts::kid, "1")},
      {"kid-path", "A key id that climbs out of the folder of keys.", kUnauthenticated,
       Token(&TokenParts::kid, "\"../../../../etc/ssl/certs/ca\"")},
      {"kid-nul", "A key id with NUL in it.", kUnauthenticated,
       Token(&TokenParts::kid, "\"source-1\\u0000.crt\"")},
      {"crit", "A header that demands an extension.", kUnauthenticated,
       Token(&TokenParts::more_header, ", \"crit\": [\"exp\"]")},
      {"alg-twice", "Two algorithms in one header.", kUnauthenticated,
       Token(&TokenParts::more_header, ", \"alg\": \"none\"")},
      {"key-in-header", "A token that brings its own key in the header ('jwk').", kUnauthenticated,
       Token(&TokenParts::more_header, R"(, "jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})",
             SignedBy("stranger", Algorithm::kEs256))},
      {"typ-missing", "No 'typ'.", kUnauthenticated, Token(&TokenParts::typ, "")},
      {"typ-plain", "A 'typ' that any JWT could have.", kUnauthenticated, Token(&TokenParts::typ, "\"JWT\"")},
      {"typ-answer", "The 'typ' of an endpoint's answer.", kUnauthenticated,
       Token(&TokenParts::typ, JsonText(TokenType(TokenUse::kAnswer)))},
  };
}

std::vector<Attack> Claims() {
  return {
      {"expired", "A token that ended five minutes ago.", kUnauthenticated, Token(Times(-900, -300))},
      {"not-yet-valid", "A token that begins in five minutes.", kUnauthenticated, Token(Times(300, 600))},
      {"lifetime", "A token for two hours, where 30 minutes are allowed.", kUnauthenticated,
       Token(Times(-60, 7'200))},
      {"ends-before-it-begins", "'exp' before 'nbf'.", kUnauthenticated, Token(Times(30, -30))},
      {"exp-missing", "No 'exp'.", kUnauthenticated, Token(&TokenParts::exp, "")},
      {"exp-negative", "'exp' of -5, a very late time if it is read as unsigned.", kUnauthenticated,
       Token(&TokenParts::exp, "-5")},
      {"exp-text", "'exp' as a text.", kUnauthenticated,
       Token([](TokenParts& p) { p.exp = JsonText(p.exp); })},
      {"exp-overflow", "'exp' beyond 64 bits.", kUnauthenticated,
       Token(&TokenParts::exp, "99999999999999999999")},
      {"nbf-missing", "No 'nbf', so that the lifetime is unknown.", kUnauthenticated,
       Token(&TokenParts::nbf, "")},
      {"audience-other", "A token for another application.", kUnauthenticated,
       Token(&TokenParts::aud, "\"another-application\"")},
      {"audience-list", "Our audience as one of two.", kUnauthenticated,
       Token([](TokenParts& p) { p.aud = absl::StrCat("[", p.aud, ", \"another-application\"]"); })},
      {"audience-missing", "No audience.", kUnauthenticated, Token(&TokenParts::aud, "")},
      {"issuer-other", "The name of another issuer with a key of ours.", kUnauthenticated,
       Token(&TokenParts::iss, "\"Somebody Else\"")},
      {"issuer-missing", "No issuer.", kUnauthenticated, Token(&TokenParts::iss, "")},
      {"context-missing", "No context id.", kUnauthenticated, Token(&TokenParts::context_id, "")},
      {"context-other-claim", "The context id under the name of another claim.", kUnauthenticated,
       Token(&TokenParts::context_claim, "context_id")},
      {"context-twice", "Two context ids.", kUnauthenticated, Token([](TokenParts& p) {
         p.more_payload = absl::StrCat(", ", JsonText(p.context_claim), ": \"other\"");
       })},
      {"context-number", "A number as the context id.", kUnauthenticated,
       Token(&TokenParts::context_id, "5")},
      {"context-path", "A context id that climbs out of the data folder.", kUnauthenticated,
       Token(&TokenParts::context_id, "\"../../etc/passwd\"")},
      {"context-sql", "A context id that ends a statement.", kUnauthenticated,
       Token(&TokenParts::context_id, "\"x'; DROP TABLE people; --\"")},
      {"context-nul", "A context id with NUL in it.", kUnauthenticated,
       Token(&TokenParts::context_id, "\"Cust\\u0000\"")},
      {"context-long", "A context id of 65 characters.", kUnauthenticated,
       Token(&TokenParts::context_id, JsonText(std::string(65, 'x')))},
      {"nonce-missing", "No nonce.", kUnauthenticated, Token(&TokenParts::nonce, "")},
      {"nonce-short", "A nonce that can be guessed.", kUnauthenticated, Token(&TokenParts::nonce, "\"1\"")},
      {"deep-json", "A payload of 1,000 nested objects.", kUnauthenticated, Token([](TokenParts& p) {
         std::string deep;
         for (int i = 0; i < 1'000; ++i) deep += "{\"a\":";
         p.more_payload = ", \"deep\": " + deep + "1" + std::string(1'000, '}');
       })},
  };
}

std::vector<Attack> Shapes() {
  return {
      {"garbage", "A word instead of a token.", kUnauthenticated, Token(AsItIs, Instead("garbage"))},
      {"four-parts", "Four parts with dots between.", kUnauthenticated, Token(AsItIs, Instead("a.b.c.d"))},
      {"empty", "An empty token.", kUnauthenticated, Token(AsItIs, Instead(""))},
      {"over-8-kb", "A well-signed token of 9 KB.", kUnauthenticated,
       Token(&TokenParts::more_payload, ", \"x\": " + JsonText(std::string(7'000, 'x')))},
      // This attack exceeds the limit of a stranger, and the endpoint ends the connection. Therefore it uses
      // a connection of its own.
      {"field-of-1-mb", "A megabyte as Authenticate's token.", "UNAUTHENTICATED|UNAVAILABLE",
       [](Target& target) { return target.Authenticate(std::string(1 << 20, 'a'), target.NewChannel()); }},
      {"metadata-of-1-mb",
       "A megabyte of metadata, which gRPC refuses by itself, or whose connection is ended.",
       "RESOURCE_EXHAUSTED|UNAVAILABLE",
       [](Target& target) {
         return target.Call({"Bearer " + std::string(1 << 20, 'a')}, target.NewChannel());
       }},
      {"no-token", "A call without a token.", kUnauthenticated,
       [](Target& target) { return target.Call({}, target.channel()); }},
      {"no-bearer", "A good token without the word 'Bearer'.", kUnauthenticated,
       [](Target& target) {
         return target.Call({target.CallToken(target.Tenant("victim"))}, target.channel());
       }},
      {"two-tokens", "Two headers, each with a good token.", kUnauthenticated,
       [](Target& target) {
         const std::string good = "Bearer " + target.CallToken(target.Tenant("victim"));
         return target.Call({good, good}, target.channel());
       }},
  };
}

std::vector<Attack> Replays() {
  return {
      {"nonce-replayed", "A captured token of Authenticate, sent a second time.", kUnauthenticated,
       [](Target& target) {
         const std::string token =
             Signed(target.Parts(TokenUse::kAuthenticate, target.Tenant("replay")), *target.identity().key);
         const Outcome first = target.Authenticate(token);
         Outcome second = target.Authenticate(token);
         if (!first.got.contains("OK")) second.fault = "the first one was refused: " + first.words;
         return second;
       }},
      {"call-token-for-authenticate", "A captured token of a call begins no cycle.", kUnauthenticated,
       [](Target& target) { return target.Authenticate(target.CallToken(target.Tenant("victim"))); }},
      {"auth-token-for-a-call", "A captured token of Authenticate is good for no other call.",
       kUnauthenticated,
       [](Target& target) {
         const TokenParts parts = target.Parts(TokenUse::kAuthenticate, target.Tenant("victim"));
         return target.Call({"Bearer " + SignedWell(target, parts)}, target.channel());
       }},
      {"answer-for-a-call", "The endpoint's own signed answer as a token.", kUnauthenticated,
       [](Target& target) {
         const absl::StatusOr<v1::AuthenticateResponse> probe =
             target.victim().Authenticate("x", false, true);
         if (!probe.ok()) return OutcomeOf(probe.status());
         return OnBoth(target, [&](TokenUse) { return probe->signed_response(); });
       }},
      {"tenant-of-nobody", "A tenant that is not in the issuer's list.", kDenied,
       [](Target& target) {
         return OnBoth(target, [&](TokenUse use) {
           return Signed(target.Parts(use, "zz_hostile_stranger"), *target.identity().key);
         });
       }},
      {"tenant-other-spelling", "The victim's name in other letter case.", kDenied,
       [](Target& target) {
         std::string spelled = target.Tenant("victim");
         spelled.replace(spelled.find("victim"), 6, "VICTIM");
         return OnBoth(target, [&](TokenUse use) {
           return Signed(target.Parts(use, spelled), *target.identity().key);
         });
       }},
      {"tenant-not-there", "A call for a tenant that never authenticated.", kDenied,
       [](Target& target) {
         return target.Call({"Bearer " + target.CallToken(target.Tenant("never"))}, target.channel());
       }},
      {"token-of-another-tenant", "The victim's cycle with a good token of another tenant.", "ABORTED",
       [](Target& target) {
         const auto other = target.NewClient(target.Tenant("other"));
         const absl::Status begun = other->Authenticate("other", true, false).status();
         if (!begun.ok()) return OutcomeOf(begun);
         return OutcomeOf(other->RowData(target.Request(target.GoodBatch())).status());
       }},
  };
}

}  // namespace

Theme TokenAttacks() { return {"tokens", Together({Signatures, Headers, Claims, Shapes, Replays})}; }

}  // namespace mirror::harness
