#include "certs/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "base/nonce.h"
#include "certs/key_ring.h"
#include "tests/certs/test_keys.h"
#include "tests/support/status_matchers.h"

namespace mirror::token_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kContextClaim[] = "http://schemes.superoffice.net/identity/ctx";

// Made once for all tests.
struct World {
  TempDir dir;
  SigningKey es = MakeKey(dir, dir / "development", "source-1");
  SigningKey production = MakeKey(dir, dir / "production", "source-3");
  SigningKey other_issuer = MakeKey(dir, dir / "other", "other-1");
  SigningKey expired =
      MakeKey(dir, dir / "development", "expired-1", Algorithm::kEs256, At(kNow - 864'000, 1));
  SigningKey future = MakeKey(dir, dir / "development", "future-1", Algorithm::kEs256, At(kNow + 864'000));
  SigningKey stranger = MakeKey(dir, dir / "nowhere", "stranger-1");
  SigningKey application = MakeKey(dir, dir / "application", "application-1");
  KeyRing ring = KeyRing::Load({{"Source", "development", dir / "development"},
                                {"Source", "production", dir / "production"},
                                {"Other", "development", dir / "other"}})
                     .value();
};

const World& TheWorld() {
  static const World world;
  return world;
}

// Apart from the other, for making an RSA key takes as long as all other tests together.
struct RsaWorld {
  TempDir dir;
  SigningKey rs = MakeKey(dir, dir / "development", "source-2", Algorithm::kRs256);
  KeyRing ring = KeyRing::Load({{"Source", "development", dir / "development"}}).value();
};

const RsaWorld& TheRsaWorld() {
  static const RsaWorld world;
  return world;
}

TokenRules Rules() {
  TokenRules rules;
  rules.audience = "mirror-app";
  rules.algorithms = {Algorithm::kEs256, Algorithm::kRs256};
  return rules;
}

Claims GoodClaims() {
  Claims claims;
  claims.issuer = "Source";
  claims.audience = "mirror-app";
  claims.context_id = "Cust26759";
  claims.nonce = "0123456789ABCDEF0123456789ABCDEF";
  claims.not_before = kNow - 120;
  claims.expires = kNow + 300;
  return claims;
}

Json GoodHeader() { return {{"alg", "ES256"}, {"kid", "source-1"}, {"typ", "mirror-call+jwt"}}; }

Json GoodPayload() {
  const Claims claims = GoodClaims();
  return {{"iss", claims.issuer},  {"aud", claims.audience},   {kContextClaim, claims.context_id},
          {"nonce", claims.nonce}, {"nbf", claims.not_before}, {"exp", claims.expires}};
}

absl::StatusOr<VerifiedToken> Verify(std::string_view token, const TokenRules& rules = Rules(),
                                     std::int64_t now_s = kNow) {
  return VerifyToken(token, TokenUse::kCall, TheWorld().ring, rules, now_s);
}

// --- What is accepted --------------------------------------------------------

class RoundTripTest : public testing::TestWithParam<TokenUse> {};

TEST_P(RoundTripTest, BothAlgorithmsGiveBackEveryClaim) {
  const std::pair<SigningKey, KeyRing> sides[] = {{TheWorld().es, TheWorld().ring},
                                                  {TheRsaWorld().rs, TheRsaWorld().ring}};
  for (const auto& [key, ring] : sides) {
    const auto token = SignToken(key, GetParam(), GoodClaims(), kContextClaim);
    ASSERT_THAT(token, IsOk());
    const auto verified = VerifyToken(*token, GetParam(), ring, Rules(), kNow);
    ASSERT_THAT(verified, IsOk());
    EXPECT_EQ(verified->claims.issuer, "Source");
    EXPECT_EQ(verified->claims.audience, "mirror-app");
    EXPECT_EQ(verified->claims.context_id, "Cust26759");
    EXPECT_EQ(verified->claims.nonce, GoodClaims().nonce);
    EXPECT_EQ(verified->claims.not_before, kNow - 120);
    EXPECT_EQ(verified->claims.expires, kNow + 300);
    EXPECT_EQ(verified->claims.issued, kNow - 120) << "it says nothing else";
    EXPECT_EQ(verified->environment, "development");
    EXPECT_EQ(verified->key_id, key.key_id());
    EXPECT_EQ(verified->usable_from_s, kNow - 180);
    EXPECT_EQ(verified->usable_until_s, kNow + 360);
  }
}

TEST_P(RoundTripTest, NoOtherUseAcceptsIt) {
  const auto token = SignToken(TheWorld().es, GetParam(), GoodClaims(), kContextClaim);
  ASSERT_THAT(token, IsOk());
  for (const TokenUse use : {TokenUse::kAuthenticate, TokenUse::kCall, TokenUse::kAnswer}) {
    const auto verified = VerifyToken(*token, use, TheWorld().ring, Rules(), kNow);
    EXPECT_EQ(verified.ok(), use == GetParam()) << verified.status();
  }
}

INSTANTIATE_TEST_SUITE_P(Uses, RoundTripTest, testing::Values(TokenUse::kAuthenticate, TokenUse::kCall));

TEST(VerifyTokenTest, EnvironmentIsThatOfTheKeysFolder) {
  const auto token = SignToken(TheWorld().production, TokenUse::kCall, GoodClaims(), kContextClaim);
  const auto verified = Verify(*token);
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->environment, "production");
}

TEST(VerifyTokenTest, ContextClaimHasTheConfiguredName) {
  const auto token = SignToken(TheWorld().es, TokenUse::kCall, GoodClaims(), "ctx");
  TokenRules rules = Rules();
  rules.context_claim = "ctx";
  EXPECT_THAT(Verify(*token, rules), IsOk());
  EXPECT_THAT(Verify(*token), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("no context id")));
}

TEST(VerifyTokenTest, AcceptsAudienceAsListOfOneAndAnIssueTime) {
  Json payload = GoodPayload();
  payload["aud"] = {"mirror-app"};
  payload["iat"] = kNow;
  payload["more"] = {{"of", "no interest"}};
  const auto verified = Verify(SignRaw(TheWorld().es, GoodHeader().dump(), payload.dump()));
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->claims.issued, kNow);
  Claims claims = GoodClaims();
  claims.issued = kNow - 1;
  const auto signed_here = Verify(*SignToken(TheWorld().es, TokenUse::kCall, claims, kContextClaim));
  ASSERT_THAT(signed_here, IsOk());
  EXPECT_EQ(signed_here->claims.issued, kNow - 1);
}

TEST(VerifyTokenTest, LeewayIsExactToTheSecond) {
  const std::string token = SignRaw(TheWorld().es, GoodHeader().dump(), GoodPayload().dump());
  EXPECT_THAT(Verify(token, Rules(), kNow + 359), IsOk());
  EXPECT_THAT(Verify(token, Rules(), kNow + 360), Not(IsOk()));
  EXPECT_THAT(Verify(token, Rules(), kNow - 180), IsOk());
  EXPECT_THAT(Verify(token, Rules(), kNow - 181), Not(IsOk()));
}

TEST(VerifyTokenTest, UsableTimeEndsWithTheCertificate) {
  const TempDir dir;
  const SigningKey key = MakeKey(dir, dir / "keys", "short-1", Algorithm::kEs256, At(kNow - 86'400 + 10, 1));
  const KeyRing ring = KeyRing::Load({{"Source", "development", dir / "keys"}}).value();
  const auto token = SignToken(key, TokenUse::kCall, GoodClaims(), kContextClaim);
  const auto verified = VerifyToken(*token, TokenUse::kCall, ring, Rules(), kNow);
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->usable_until_s, kNow + 11);  // The certificate's last second is a valid one.
}

// --- What is refused: a good signature over a bad content -------------------

struct BadContent {
  std::string name;
  std::function<void(Json& header, Json& payload)> spoil;
  std::string message;
};

class BadContentTest : public testing::TestWithParam<BadContent> {};

TEST_P(BadContentTest, IsRefusedWithASentenceOfItsOwn) {
  Json header = GoodHeader(), payload = GoodPayload();
  GetParam().spoil(header, payload);
  const std::string token = SignRaw(TheWorld().es, header.dump(), payload.dump());
  const auto verified = Verify(token);
  EXPECT_THAT(verified, StatusIs(absl::StatusCode::kUnauthenticated,
                                 AllOf(HasSubstr(GetParam().message), HasSubstr("Nothing was done."))));
  // Neither the token nor a part of it, and nothing about tenants.
  const std::string message(verified.status().message());
  EXPECT_THAT(message, Not(HasSubstr(token.substr(0, 20))));
  EXPECT_THAT(message, Not(HasSubstr(token.substr(token.size() - 20))));
  EXPECT_THAT(message, Not(HasSubstr("Cust26759")));
  EXPECT_THAT(message, Not(HasSubstr("tenant")));
  // What is wrong by the clock says so to programs, too.
  const bool by_clock = absl::StrContains(message, "clock says");
  EXPECT_EQ(ClockOfRefusal(verified.status()), by_clock ? std::optional<std::int64_t>(kNow) : std::nullopt);
}

TEST(ClockOfRefusalTest, WhatIsNoTimeIsNotRead) {
  absl::Status refused = absl::UnauthenticatedError("the token expired");
  EXPECT_EQ(ClockOfRefusal(refused), std::nullopt);
  for (const char* const told : {"", "soon", "-1", "253402300800", "99999999999999999999"}) {
    refused.SetPayload(kClockPayload, absl::Cord(told));
    EXPECT_EQ(ClockOfRefusal(refused), std::nullopt) << told;
  }
}

INSTANTIATE_TEST_SUITE_P(
    VerifyToken, BadContentTest,
    testing::Values(
        BadContent{"AlgNone", [](Json& h, Json&) { h["alg"] = "none"; }, "'alg' is neither ES256 nor RS256"},
        BadContent{"AlgHs256", [](Json& h, Json&) { h["alg"] = "HS256"; },
                   "'alg' is neither ES256 nor RS256"},
        BadContent{"AlgLowerCase", [](Json& h, Json&) { h["alg"] = "es256"; }, "'alg' is neither"},
        BadContent{"AlgNumeric", [](Json& h, Json&) { h["alg"] = 256; }, "'alg' is missing or not a text"},
        BadContent{"AlgNull", [](Json& h, Json&) { h["alg"] = nullptr; }, "'alg' is missing or not a text"},
        BadContent{"AlgMissing", [](Json& h, Json&) { h.erase("alg"); }, "'alg' is missing or not a text"},
        BadContent{"AlgOfAnotherKey", [](Json& h, Json&) { h["alg"] = "RS256"; },
                   "'alg' is RS256 and the key 'source-1' is for ES256"},
        BadContent{"KidMissing", [](Json& h, Json&) { h.erase("kid"); }, "names no key"},
        BadContent{"KidNumeric", [](Json& h, Json&) { h["kid"] = 1; }, "names no key"},
        BadContent{"KidIsAPath", [](Json& h, Json&) { h["kid"] = "../production/source-3"; }, "names no key"},
        BadContent{"KidUnknown", [](Json& h, Json&) { h["kid"] = "removed-1"; },
                   "key 'removed-1' is not known here, or was removed"},
        BadContent{"KidOfAnotherKey", [](Json& h, Json&) { h["kid"] = "source-3"; },
                   "signature does not match the key 'source-3'"},
        BadContent{
            "KeyExpired", [](Json& h, Json&) { h["kid"] = "expired-1"; },
            "key 'expired-1' is refused: the certificate was valid only until 2027-01-06T08:00:00Z; the "
            "clock here says 2027-01-15T08:00:00Z"},
        BadContent{"KeyNotYetValid", [](Json& h, Json&) { h["kid"] = "future-1"; },
                   "key 'future-1' is refused: the certificate is valid only from"},
        BadContent{"TypOfAuthenticate", [](Json& h, Json&) { h["typ"] = "mirror-auth+jwt"; },
                   "'typ' is not 'mirror-call+jwt'"},
        BadContent{"TypJwt", [](Json& h, Json&) { h["typ"] = "JWT"; }, "'typ' is not"},
        BadContent{"TypNumeric", [](Json& h, Json&) { h["typ"] = 7; }, "'typ' is not"},
        BadContent{"TypMissing", [](Json& h, Json&) { h.erase("typ"); }, "'typ' is not"},
        BadContent{"Crit", [](Json& h, Json&) { h["crit"] = {"b64"}; }, "demands extensions"},
        BadContent{"CritNull", [](Json& h, Json&) { h["crit"] = nullptr; }, "demands extensions"},
        BadContent{"HeaderIsAList", [](Json& h, Json&) { h = Json::array({1}); },
                   "header is not a plain JSON"},
        BadContent{"PayloadIsAText", [](Json&, Json& p) { p = "x"; }, "payload is not a plain JSON object"},
        BadContent{"IssuerWrong", [](Json&, Json& p) { p["iss"] = "Other"; }, "'iss' is not the issuer"},
        BadContent{"IssuerMissing", [](Json&, Json& p) { p.erase("iss"); }, "'iss' is not the issuer"},
        BadContent{"IssuerIsAList", [](Json&, Json& p) { p["iss"] = {"Source"}; }, "'iss' is not the issuer"},
        BadContent{"AudienceWrong", [](Json&, Json& p) { p["aud"] = "another"; },
                   "audience ('aud') must be this application and no other: 'mirror-app'"},
        BadContent{"AudienceMissing", [](Json&, Json& p) { p.erase("aud"); },
                   "audience ('aud') must be this"},
        BadContent{"AudienceOfTwo",
                   [](Json&, Json& p) {
                     p["aud"] = {"mirror-app", "another"};
                   },
                   "audience ('aud') must be this application and no other"},
        BadContent{"AudienceEmptyList", [](Json&, Json& p) { p["aud"] = Json::array(); },
                   "audience ('aud') must be this"},
        BadContent{"AudienceListInList", [](Json&, Json& p) { p["aud"] = {{"mirror-app"}}; },
                   "audience ('aud') must be this"},
        BadContent{"Expired", [](Json&, Json& p) { p["nbf"] = kNow - 600, p["exp"] = kNow - 60; },
                   "expired at 2027-01-15T07:59:00Z; this server's clock says 2027-01-15T08:00:00Z"},
        BadContent{"ExpMissing", [](Json&, Json& p) { p.erase("exp"); }, "'exp' is missing or not a whole"},
        BadContent{"ExpNegative", [](Json&, Json& p) { p["exp"] = -5; }, "'exp' is missing or not a whole"},
        BadContent{"ExpZero", [](Json&, Json& p) { p["exp"] = 0; }, "'exp' is missing or not a whole"},
        BadContent{"ExpFraction", [](Json&, Json& p) { p["exp"] = 1.8e9; },
                   "'exp' is missing or not a whole"},
        BadContent{"ExpText", [](Json&, Json& p) { p["exp"] = "1800000300"; }, "'exp' is missing or not a"},
        BadContent{"ExpHuge", [](Json&, Json& p) { p["exp"] = INT64_MAX; },
                   "'exp' is missing or not a whole"},
        BadContent{"ExpOverInt64", [](Json&, Json& p) { p["exp"] = UINT64_MAX; }, "'exp' is missing or not"},
        BadContent{"NotYetValid", [](Json&, Json& p) { p["nbf"] = kNow + 61; },
                   "valid only from 2027-01-15T08:01:01Z; this server's clock says 2027-01-15T08:00:00Z"},
        BadContent{"NbfMissing", [](Json&, Json& p) { p.erase("nbf"); }, "'nbf' is missing or not a whole"},
        BadContent{"NbfNegative", [](Json&, Json& p) { p["nbf"] = INT64_MIN; }, "'nbf' is missing or not"},
        BadContent{"NbfFraction", [](Json&, Json& p) { p["nbf"] = 1.7e9; },
                   "'nbf' is missing or not a whole"},
        BadContent{"IatText", [](Json&, Json& p) { p["iat"] = "now"; }, "'iat' is missing or not a whole"},
        BadContent{"LifetimeTooLong", [](Json&, Json& p) { p["exp"] = kNow - 120 + 1801; },
                   "lives 1801 s from 'nbf' to 'exp', longer than 1800 s"},
        BadContent{"EndsBeforeItBegins", [](Json&, Json& p) { p["exp"] = kNow - 120; },
                   "ends ('exp') before"},
        BadContent{"NoContextId", [](Json&, Json& p) { p.erase(kContextClaim); }, "has no context id"},
        BadContent{"ContextIdEmpty", [](Json&, Json& p) { p[kContextClaim] = ""; }, "has no context id"},
        BadContent{"ContextIdNumeric", [](Json&, Json& p) { p[kContextClaim] = 7; }, "has no context id"},
        BadContent{"ContextIdPath", [](Json&, Json& p) { p[kContextClaim] = "../x"; }, "has no context id"},
        BadContent{"ContextIdNul", [](Json&, Json& p) { p[kContextClaim] = std::string("a\0b", 3); },
                   "has no context id"},
        BadContent{"ContextIdOf65", [](Json&, Json& p) { p[kContextClaim] = std::string(65, 'a'); },
                   "has no context id"},
        BadContent{"NonceMissing", [](Json&, Json& p) { p.erase("nonce"); }, "'nonce' is missing or not"},
        BadContent{"NonceShort", [](Json&, Json& p) { p["nonce"] = "0123456789ABCDE"; },
                   "'nonce' is missing"},
        BadContent{"NonceLong", [](Json&, Json& p) { p["nonce"] = std::string(65, 'A'); },
                   "'nonce' is missing"},
        BadContent{"NonceOddCharacter", [](Json&, Json& p) { p["nonce"] = "0123456789ABCDE'"; },
                   "'nonce' is missing"}),
    [](const auto& test) { return test.param.name; });

TEST(VerifyTokenTest, AlgorithmThatTheConfigurationLeavesOutIsRefused) {
  TokenRules rules = Rules();
  rules.algorithms = {Algorithm::kRs256};
  const auto token = SignToken(TheWorld().es, TokenUse::kCall, GoodClaims(), kContextClaim);
  EXPECT_THAT(Verify(*token, rules), StatusIs(absl::StatusCode::kUnauthenticated,
                                              HasSubstr("'alg' is ES256, which this server does not allow")));
  rules.algorithms = {};
  EXPECT_THAT(Verify(*token, rules), Not(IsOk()));
}

TEST(VerifyTokenTest, AKeyOfOneIssuerCannotSpeakForAnother) {
  Json header = GoodHeader();
  header["kid"] = "other-1";
  const std::string token = SignRaw(TheWorld().other_issuer, header.dump(), GoodPayload().dump());
  EXPECT_THAT(Verify(token),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("'iss' is not the issuer")));
}

// --- What is refused: forgeries and garbage ----------------------------------

struct BadText {
  std::string name;
  std::function<std::string()> token;
  std::string message;
};

std::string Good() { return SignRaw(TheWorld().es, GoodHeader().dump(), GoodPayload().dump()); }

// A token "signed" with HMAC whose secret is the public key, the oldest trick.
std::string HmacWithPublicKey(const std::string& algorithm, const std::string& key_id,
                              const std::string& file) {
  const std::string secret = ReadText(file);
  Json header = GoodHeader();
  header["alg"] = algorithm;
  header["kid"] = key_id;
  const std::string text = EncodeBase64Url(header.dump()) + "." + EncodeBase64Url(GoodPayload().dump());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return text + "." + EncodeBase64Url(std::string_view(reinterpret_cast<char*>(digest), size));
}

std::string Deep(int levels) {
  return "{\"a\":" + std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']') + "}";
}

class BadTextTest : public testing::TestWithParam<BadText> {};

TEST_P(BadTextTest, IsRefused) {
  EXPECT_THAT(Verify(GetParam().token()),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    VerifyToken, BadTextTest,
    testing::Values(
        BadText{"WrongKey",
                [] { return SignRaw(TheWorld().stranger, GoodHeader().dump(), GoodPayload().dump()); },
                "signature does not match the key 'source-1'"},
        BadText{"HmacCalledEs256",
                [] {
                  return HmacWithPublicKey("ES256", "source-1", TheWorld().dir / "development/source-1.crt");
                },
                "signature does not match the key 'source-1'"},
        BadText{"NoneWithoutSignature",
                [] {
                  return EncodeBase64Url(R"({"alg":"none","kid":"source-1","typ":"mirror-call+jwt"})") + "." +
                         EncodeBase64Url(GoodPayload().dump()) + ".";
                },
                "'alg' is neither ES256 nor RS256"},
        BadText{"SignatureMissing", [] { return Good().substr(0, Good().rfind('.') + 1); },
                "signature does not match"},
        BadText{"SignatureOfZeros",
                [] {
                  const std::string good = Good();
                  return good.substr(0, good.rfind('.') + 1) + EncodeBase64Url(std::string(64, '\0'));
                },
                "signature does not match"},
        BadText{"SignatureInDer",
                [] {
                  const std::string good = Good();
                  return good.substr(0, good.rfind('.') + 1) +
                         EncodeBase64Url(std::string("\x30\x06\x02\x01\x01\x02\x01\x01", 8));
                },
                "signature does not match"},
        BadText{"SignatureWithMoreBehind",
                [] {
                  const std::string good = Good();
                  const std::size_t dot = good.rfind('.') + 1;
                  return good.substr(0, dot) + EncodeBase64Url(*DecodeBase64Url(good.substr(dot)) + "more");
                },
                "signature does not match"},
        BadText{"PayloadChanged",
                [] {
                  const std::string good = Good();
                  Json payload = GoodPayload();
                  payload[kContextClaim] = "Cust1";
                  return good.substr(0, good.find('.') + 1) + EncodeBase64Url(payload.dump()) +
                         good.substr(good.rfind('.'));
                },
                "signature does not match"},
        BadText{"AlgTwice",
                [] {
                  return SignRaw(TheWorld().es,
                                 R"({"alg":"none","kid":"source-1","typ":"mirror-call+jwt","alg":"ES256"})",
                                 GoodPayload().dump());
                },
                "header names a member twice"},
        BadText{"AlgTwiceOnceEscaped",
                [] {
                  return SignRaw(
                      TheWorld().es,
                      R"({"alg":"ES256","kid":"source-1","typ":"mirror-call+jwt","\u0061lg":"ES256"})",
                      GoodPayload().dump());
                },
                "header names a member twice"},
        BadText{"ContextIdTwice",
                [] {
                  std::string payload = GoodPayload().dump();
                  payload.insert(1, "\"" + std::string(kContextClaim) + "\":\"Cust1\",");
                  return SignRaw(TheWorld().es, GoodHeader().dump(), payload);
                },
                "payload names a member twice"},
        BadText{"TwiceInside",
                [] {
                  std::string payload = GoodPayload().dump();
                  payload.insert(1, R"("x":{"a":1,"a":2},)");
                  return SignRaw(TheWorld().es, GoodHeader().dump(), payload);
                },
                "payload names a member twice"},
        BadText{"Empty", [] { return std::string(); }, "there is no token"},
        BadText{"OneByteTooLong", [] { return std::string(8193, '.'); }, "has 8193 bytes, more than 8192"},
        BadText{"OneMegabyte", [] { return std::string(1 << 20, 'A'); }, "has 1048576 bytes, more than 8192"},
        BadText{"NoDots", [] { return std::string("garbage"); }, "not three parts"},
        BadText{"OneDot", [] { return std::string("garbage.garbage"); }, "not three parts"},
        BadText{"ThreeDots", [] { return Good() + "."; }, "not three parts"},
        BadText{"OnlyDots", [] { return std::string(".."); }, "header is not a plain JSON object"},
        BadText{"Bytes", [] { return std::string("\xff\xfe\x00.\x80.\x81", 7); }, "not base64url"},
        BadText{"Padding", [] { return "e30=." + Good().substr(Good().find('.') + 1); }, "not base64url"},
        BadText{"LineBreak", [] { return Good() + "\n"; }, "not base64url"},
        BadText{"SecondSpellingOfTheSignature",
                [] {  // 64 bytes leave four unused bits in the last character.
                  std::string token = Good();
                  token.back() = static_cast<char>(token.back() + 1);
                  return token;
                },
                "not base64url"},
        BadText{"HeaderIsNoJson", [] { return SignRaw(TheWorld().es, "{\"alg\"", GoodPayload().dump()); },
                "header is not a plain JSON object"},
        BadText{"HeaderWithSomethingBehind",
                [] { return SignRaw(TheWorld().es, GoodHeader().dump() + "{}", GoodPayload().dump()); },
                "header is not a plain JSON object"},
        BadText{"HeaderIsNotUtf8",
                [] {
                  return SignRaw(
                      TheWorld().es,
                      "{\"alg\":\"ES256\",\"kid\":\"source-1\",\"typ\":\"mirror-call+jwt\",\"x\":\"\xff\"}",
                      GoodPayload().dump());
                },
                "header is not a plain JSON object"},
        BadText{"HeaderDeep", [] { return SignRaw(TheWorld().es, Deep(2500), GoodPayload().dump()); },
                "header is not a plain JSON object"},
        BadText{"PayloadDeep", [] { return SignRaw(TheWorld().es, GoodHeader().dump(), Deep(2500)); },
                "payload is not a plain JSON object"},
        BadText{"NumberOutOfRange",
                [] { return SignRaw(TheWorld().es, GoodHeader().dump(), "{\"exp\":1e999}"); },
                "payload is not a plain JSON object"}),
    [](const auto& test) { return test.param.name; });

TEST(VerifyTokenTest, AnHmacMadeWithThePublicRsaKeyIsRefusedWhateverItIsCalled) {
  const auto verify = [](const std::string& algorithm) {
    const std::string file = TheRsaWorld().dir / "development/source-2.crt";
    return VerifyToken(HmacWithPublicKey(algorithm, "source-2", file), TokenUse::kCall, TheRsaWorld().ring,
                       Rules(), kNow);
  };
  EXPECT_THAT(verify("HS256"),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("'alg' is neither ES256 nor RS256")));
  EXPECT_THAT(verify("RS256"), StatusIs(absl::StatusCode::kUnauthenticated,
                                        HasSubstr("signature does not match the key 'source-2'")));
  EXPECT_THAT(verify("ES256"), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is for RS256")));
}

TEST(VerifyTokenTest, EveryByteOfTheTokenCounts) {
  const std::string good = Good();
  ASSERT_THAT(Verify(good), IsOk());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_THAT(Verify(changed), Not(IsOk())) << "byte " << i;
  }
}

TEST(SignTokenTest, RefusesAContextClaimThatHasAnotherMeaning) {
  for (const char* name : {"", "iss", "aud", "nonce", "nbf", "exp", "iat"}) {
    EXPECT_THAT(SignToken(TheWorld().es, TokenUse::kCall, GoodClaims(), name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("context_claim")));
  }
}

TEST(NewNonceTest, Is128BitsInUpperCaseAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string nonce = NewNonce();
    EXPECT_THAT(nonce, MatchesRegex("[0-9A-F]+"));
    EXPECT_EQ(nonce.size(), 32u);
    EXPECT_TRUE(seen.insert(nonce).second);
  }
}

// --- The endpoint's answer ---------------------------------------------------

Answer GoodAnswer() { return {GoodClaims().nonce, "Cust26759", "mirror-app", 1'800'000'000'123, kNow}; }

PublicKey ApplicationKey() {
  return PublicKey::Load(TheWorld().dir / "application/application-1.crt").value();
}

TEST(VerifyAnswerTest, GivesBackWhatTheApplicationSigned) {
  const auto token = SignAnswer(TheWorld().application, GoodAnswer());
  ASSERT_THAT(token, IsOk());
  Answer expected = GoodAnswer();
  expected.cycle = expected.time_s = 0;  // Not known before.
  const auto answer = VerifyAnswer(*token, ApplicationKey(), expected, kNow + 899);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->cycle, 1'800'000'000'123);
  EXPECT_EQ(answer->time_s, kNow);
  EXPECT_EQ(answer->context_id, "Cust26759");
}

struct BadAnswer {
  std::string name;
  std::function<void(Answer& answer)> spoil;
  std::string message;
};

class BadAnswerTest : public testing::TestWithParam<BadAnswer> {};

TEST_P(BadAnswerTest, IsNoProof) {
  Answer answer = GoodAnswer();
  GetParam().spoil(answer);
  const auto token = SignAnswer(TheWorld().application, answer);
  ASSERT_THAT(token, IsOk());
  EXPECT_THAT(VerifyAnswer(*token, ApplicationKey(), GoodAnswer(), kNow),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(HasSubstr("cannot prove"), HasSubstr(GetParam().message),
                             HasSubstr("No row was sent."))));
}

INSTANTIATE_TEST_SUITE_P(
    VerifyAnswer, BadAnswerTest,
    testing::Values(
        BadAnswer{"AnotherNonce", [](Answer& a) { a.nonce[0] = 'F'; }, "does not carry this call's nonce"},
        BadAnswer{"NoNonce", [](Answer& a) { a.nonce.clear(); }, "does not carry this call's nonce"},
        BadAnswer{"AnotherContext", [](Answer& a) { a.context_id = "Cust1"; }, "another context id"},
        BadAnswer{"AnotherSpelling", [](Answer& a) { a.context_id = "cust26759"; }, "another context id"},
        BadAnswer{"AnotherApplication", [](Answer& a) { a.application_id = "x"; }, "another application"},
        BadAnswer{"NegativeCycle", [](Answer& a) { a.cycle = -1; }, "no cycle or no time"},
        BadAnswer{"NoTime", [](Answer& a) { a.time_s = 0; }, "no cycle or no time"},
        BadAnswer{"Old", [](Answer& a) { a.time_s = kNow - 901; }, "more than 15 minutes apart"},
        BadAnswer{"FromTheFuture", [](Answer& a) { a.time_s = kNow + 901; }, "15 minutes apart"}),
    [](const auto& test) { return test.param.name; });

TEST(VerifyAnswerTest, AnotherKeyIsNoProof) {
  const auto token = SignAnswer(TheWorld().stranger, GoodAnswer());
  EXPECT_THAT(VerifyAnswer(*token, ApplicationKey(), GoodAnswer(), kNow),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       HasSubstr("signature does not match the application's key")));
}

TEST(VerifyAnswerTest, ARequestTokenIsNoProof) {
  const auto token = SignToken(TheWorld().application, TokenUse::kAuthenticate, GoodClaims(), kContextClaim);
  EXPECT_THAT(VerifyAnswer(*token, ApplicationKey(), GoodAnswer(), kNow),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("'typ' is not 'mirror-answer+jwt'")));
}

TEST(VerifyAnswerTest, GarbageAndNothingAreNoProof) {
  for (const char* token : {"", "garbage", "..", "e30.e30.e30"}) {
    EXPECT_THAT(VerifyAnswer(token, ApplicationKey(), GoodAnswer(), kNow),
                StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("cannot prove")));
  }
}

TEST(VerifyAnswerTest, AnExpiredCertificateIsNoProof) {
  const auto token = SignAnswer(TheWorld().application, GoodAnswer());
  EXPECT_THAT(VerifyAnswer(*token, ApplicationKey(), GoodAnswer(), kNow + 31 * 86'400),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("valid only until")));
}

}  // namespace
}  // namespace mirror::token_test
