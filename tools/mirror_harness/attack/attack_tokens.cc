// Tokens that break a rule, on Authenticate and on the other calls.
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

const std::set<std::string> kUnauthenticated = {"UNAUTHENTICATED"};
const std::set<std::string> kDenied = {"PERMISSION_DENIED"};

using TokenChange = std::function<void(TokenParts&)>;
using Sign = std::function<std::string(Target&, const TokenParts&)>;

/// The same token where Authenticate wants it, and as the header of a call.
Outcome OnBoth(Target& target, const std::function<std::string(TokenUse)>& token) {
  Outcome all = target.Authenticate(token(TokenUse::kAuthenticate));
  AddOutcome(target.Call({"Bearer " + token(TokenUse::kCall)}, target.channel()), &all);
  return all;
}

Attack Token(std::string name, std::string what, TokenChange change, Sign sign = nullptr,
             std::set<std::string> expected = kUnauthenticated) {
  return {std::move(name), std::move(what), std::move(expected), [change, sign](Target& target) {
            return OnBoth(target, [&](TokenUse use) {
              TokenParts parts = target.Parts(use, target.Tenant("victim"));
              change(parts);
              return sign ? sign(target, parts) : Signed(parts, *target.identity().key);
            });
          }};
}

TokenChange Times(std::int64_t from, std::int64_t to) {
  return [from, to](TokenParts& parts) {
    const std::int64_t now = std::time(nullptr);
    parts.nbf = absl::StrCat(now + from);
    parts.exp = absl::StrCat(now + to);
  };
}

void AsItIs(TokenParts& /*parts*/) {}

TokenChange Context(const std::string& json) {
  return [json](TokenParts& parts) { parts.context_id = json; };
}

/// One base64url character of a part (0 header, 1 payload, 2 signature) is another one.
Sign Tampered(int part) {
  return [part](Target& target, const TokenParts& parts) {
    std::string token = Signed(parts, *target.identity().key);
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
      Token(
          "alg-none", "A token that says 'alg: none' and has no signature.",
          [](TokenParts& p) { p.alg = "\"none\""; }, none),
      Token("alg-none-signed", "'alg: none' before a good signature.",
            [](TokenParts& p) { p.alg = "\"none\""; }),
      Token(
          "alg-none-mixed-case", "'alg: nOnE', which some libraries take for another name of none.",
          [](TokenParts& p) { p.alg = "\"nOnE\""; }, none),
      Token("no-signature", "A good token whose signature was cut off.", AsItIs, none),
      Token(
          "hs256-with-public-key", "HMAC with a certificate that everybody can read as its secret.",
          [](TokenParts& p) { p.alg = "\"HS256\""; }, hmac),
      Token("hs256-under-our-alg", "The same under the name of the key's own algorithm.", AsItIs, hmac),
      Token("alg-of-another-key", "RS256 named over a signature of ES256, or the other way round.",
            [](TokenParts& p) { p.alg = p.alg == "\"RS256\"" ? "\"ES256\"" : "\"RS256\""; }),
      Token("alg-number", "A number where the algorithm's name belongs.",
            [](TokenParts& p) { p.alg = "256"; }),
      Token("stranger-with-our-kid", "Signed by another key under the id of a known one.", AsItIs,
            SignedBy("stranger", Algorithm::kEs256)),
      Token(
          "stranger-rs256-with-our-kid", "The same with a key of RS256.",
          [](TokenParts& p) { p.alg = "\"RS256\""; }, SignedBy("stranger", Algorithm::kRs256)),
      Token("tampered-header", "One character of the header changed behind its signature.", AsItIs,
            Tampered(0)),
      Token("tampered-payload", "One character of the payload changed behind its signature.", AsItIs,
            Tampered(1)),
      Token("tampered-signature", "One character of the signature changed.", AsItIs, Tampered(2)),
      Token("base64-padding", "A good token with '=' behind it.", AsItIs,
            [](Target& t, const TokenParts& p) { return Signed(p, *t.identity().key) + "="; }),
  };
}

std::vector<Attack> Headers() {
  return {
      Token(
          "kid-unknown", "A key id that nobody has.", [](TokenParts& p) { p.kid = "\"nobody-9\""; },
          SignedBy("nobody-9", Algorithm::kEs256)),
      Token("kid-missing", "No key id.", [](TokenParts& p) { p.kid.clear(); }),
      Token("kid-number", "A number for a key id.", [](TokenParts& p) { p.kid = "1"; }),
      Token("kid-path", "A key id that climbs out of the folder of keys.",
            [](TokenParts& p) { p.kid = "\"../../../../etc/ssl/certs/ca\""; }),
      Token("kid-nul", "A key id with NUL in it.", [](TokenParts& p) { p.kid = "\"source-1\\u0000.crt\""; }),
      Token("crit", "A header that demands an extension.",
            [](TokenParts& p) { p.more_header = ", \"crit\": [\"exp\"]"; }),
      Token("alg-twice", "Two algorithms in one header.",
            [](TokenParts& p) { p.more_header = ", \"alg\": \"none\""; }),
      Token(
          "key-in-header", "A key of its own in the header ('jwk'), by which it is to be judged.",
          [](TokenParts& p) {
            p.more_header = R"(, "jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})";
          },
          SignedBy("stranger", Algorithm::kEs256)),
      Token("typ-missing", "No 'typ'.", [](TokenParts& p) { p.typ.clear(); }),
      Token("typ-plain", "A 'typ' that any JWT could have.", [](TokenParts& p) { p.typ = "\"JWT\""; }),
      Token("typ-answer", "The 'typ' of an endpoint's answer.",
            [](TokenParts& p) { p.typ = JsonText(TokenType(TokenUse::kAnswer)); }),
  };
}

std::vector<Attack> Claims() {
  return {
      Token("expired", "A token that ended five minutes ago.", Times(-900, -300)),
      Token("not-yet-valid", "A token that begins in five minutes.", Times(300, 600)),
      Token("lifetime", "A token for two hours, where 30 minutes are allowed.", Times(-60, 7'200)),
      Token("ends-before-it-begins", "'exp' before 'nbf'.", Times(30, -30)),
      Token("exp-missing", "No 'exp'.", [](TokenParts& p) { p.exp.clear(); }),
      Token("exp-negative", "'exp' of -5, a very late time to who reads it without a sign.",
            [](TokenParts& p) { p.exp = "-5"; }),
      Token("exp-text", "'exp' as a text.", [](TokenParts& p) { p.exp = JsonText(p.exp); }),
      Token("exp-overflow", "'exp' beyond 64 bits.", [](TokenParts& p) { p.exp = "99999999999999999999"; }),
      Token("nbf-missing", "No 'nbf', so that nobody knows how long it lives.",
            [](TokenParts& p) { p.nbf.clear(); }),
      Token("audience-other", "A token for another application.",
            [](TokenParts& p) { p.aud = "\"another-application\""; }),
      Token("audience-list", "Ours as one of two audiences.",
            [](TokenParts& p) { p.aud = absl::StrCat("[", p.aud, ", \"another-application\"]"); }),
      Token("audience-missing", "No audience.", [](TokenParts& p) { p.aud.clear(); }),
      Token("issuer-other", "The name of another issuer under a key of ours.",
            [](TokenParts& p) { p.iss = "\"Somebody Else\""; }),
      Token("issuer-missing", "No issuer.", [](TokenParts& p) { p.iss.clear(); }),
      Token("context-missing", "No context id.", Context("")),
      Token("context-other-claim", "The context id under the name of another claim.",
            [](TokenParts& p) { p.context_claim = "context_id"; }),
      Token("context-twice", "Two context ids.",
            [](TokenParts& p) {
              p.more_payload = absl::StrCat(", ", JsonText(p.context_claim), ": \"other\"");
            }),
      Token("context-number", "A number for a context id.", Context("5")),
      Token("context-path", "A context id that climbs out of the data folder.",
            Context("\"../../etc/passwd\"")),
      Token("context-sql", "A context id that ends a statement.", Context("\"x'; DROP TABLE people; --\"")),
      Token("context-nul", "A context id with NUL in it.", Context("\"Cust\\u0000\"")),
      Token("context-long", "A context id of 65 characters.", Context(JsonText(std::string(65, 'x')))),
      Token("nonce-missing", "No nonce.", [](TokenParts& p) { p.nonce.clear(); }),
      Token("nonce-short", "A nonce that can be guessed.", [](TokenParts& p) { p.nonce = "\"1\""; }),
      Token("deep-json", "A payload of 1,000 objects in each other.",
            [](TokenParts& p) {
              std::string deep;
              for (int i = 0; i < 1'000; ++i) deep += "{\"a\":";
              p.more_payload = ", \"deep\": " + deep + "1" + std::string(1'000, '}');
            }),
  };
}

std::vector<Attack> Shapes() {
  return {
      Token("garbage", "No token at all, but a word.", AsItIs, Instead("garbage")),
      Token("four-parts", "Four parts with dots between.", AsItIs, Instead("a.b.c.d")),
      Token("empty", "An empty token.", AsItIs, Instead("")),
      Token("over-8-kb", "A well-signed token of 9 KB.",
            [](TokenParts& p) { p.more_payload = ", \"x\": " + JsonText(std::string(7'000, 'x')); }),
      // From a stranger it is more than he may send, and his connection ends: never one that others use.
      {"field-of-1-mb",
       "A megabyte as Authenticate's token.",
       {"UNAUTHENTICATED", "UNAVAILABLE"},
       [](Target& target) { return target.Authenticate(std::string(1 << 20, 'a'), target.NewChannel()); }},
      {"metadata-of-1-mb",
       "A megabyte of metadata, which gRPC refuses by itself, or whose connection is ended.",
       {"RESOURCE_EXHAUSTED", "UNAVAILABLE"},
       [](Target& target) {
         return target.Call({"Bearer " + std::string(1 << 20, 'a')}, target.NewChannel());
       }},
      {"no-token", "A call without a token.", kUnauthenticated,
       [](Target& target) { return target.Call({}, target.channel()); }},
      {"no-bearer", "A good token without the word 'Bearer'.", kUnauthenticated,
       [](Target& target) {
         return target.Call({target.CallToken(target.Tenant("victim"))}, target.channel());
       }},
      {"two-tokens", "Two headers with a good token each.", kUnauthenticated,
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
         return target.Call({"Bearer " + Signed(parts, *target.identity().key)}, target.channel());
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
      {"token-of-another-tenant",
       "The victim's cycle with a good token of another tenant.",
       {"ABORTED"},
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
