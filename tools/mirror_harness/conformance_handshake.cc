// Requirements on Authenticate and tokens.
#include <ctime>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kTokens[] = "mirror_client.proto, MirrorClientService";
constexpr char kAuthenticate[] = "mirror_client.proto, AuthenticateRequest and AuthenticateResponse";
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

/// Throws Unmet if Authenticate or another call accepts a token that breaks one rule.
void RefusedOnBoth(Exam& exam, const std::function<void(TokenParts&)>& change, const std::string& what) {
  TokenParts parts = exam.Parts(TokenUse::kAuthenticate);
  change(parts);
  ExpectStatus(exam.AuthenticateWith(Signed(parts, *exam.identity().key)), kUnauthenticated,
               absl::StrCat("Authenticate with ", what));
  parts = exam.Parts(TokenUse::kCall);
  change(parts);
  ExpectStatus(exam.TableSchemaWith({"Bearer " + Signed(parts, *exam.identity().key)}), kUnauthenticated,
               absl::StrCat("TableSchema with ", what));
}

Requirement Rule(std::string id, std::string sentence, std::string what,
                 std::function<void(TokenParts&)> change) {
  return {std::move(id), std::move(sentence), kTokens,
          [what, change](Exam& exam) { RefusedOnBoth(exam, change, what); }};
}

std::vector<Requirement> Tokens() {
  return {
      {"token.missing", "A call without a token is UNAUTHENTICATED.", kTokens,
       [](Exam& exam) {
         ExpectStatus(exam.TableSchemaWith({}), kUnauthenticated, "a call without a token");
       }},
      Rule("token.expired", "A token that has expired is UNAUTHENTICATED.", "an expired token",
           [](TokenParts& parts) {
             const std::int64_t now = std::time(nullptr);
             parts.nbf = absl::StrCat(now - 900);
             parts.exp = absl::StrCat(now - 300);
           }),
      Rule("token.not-yet-valid", "A token that is not valid yet is UNAUTHENTICATED.", "an early token",
           [](TokenParts& parts) {
             const std::int64_t now = std::time(nullptr);
             parts.nbf = absl::StrCat(now + 300);
             parts.exp = absl::StrCat(now + 600);
           }),
      Rule("token.lifetime", "A token for more than 30 minutes is UNAUTHENTICATED.", "a token for two hours",
           [](TokenParts& parts) { parts.exp = absl::StrCat(std::time(nullptr) + 7'200); }),
      Rule("token.audience", "A token for another application is UNAUTHENTICATED.", "another audience",
           [](TokenParts& parts) { parts.aud = "\"another-application\""; }),
      Rule("token.issuer", "A token whose issuer is not that of its key is UNAUTHENTICATED.",
           "another issuer", [](TokenParts& parts) { parts.iss = "\"Somebody Else\""; }),
      Rule("token.unknown-key", "A token with an unknown key is UNAUTHENTICATED.", "an unknown kid",
           [](TokenParts& parts) { parts.kid = "\"nobody-knows-it\""; }),
      {"token.none", "A token without a signature is UNAUTHENTICATED, whatever its 'alg' says.", kTokens,
       [](Exam& exam) {
         TokenParts parts = exam.Parts(TokenUse::kAuthenticate);
         parts.alg = "\"none\"";
         ExpectStatus(exam.AuthenticateWith(Unsigned(parts)), kUnauthenticated, "alg none");
       }},
      {"token.typ",
       "A call's token cannot begin a cycle, and Authenticate's token is not valid for other calls.", kTokens,
       [](Exam& exam) {
         ExpectStatus(exam.AuthenticateWith(Signed(exam.Parts(TokenUse::kCall), *exam.identity().key)),
                      kUnauthenticated, "a call's token for Authenticate");
         ExpectStatus(exam.TableSchemaWith(
                          {"Bearer " + Signed(exam.Parts(TokenUse::kAuthenticate), *exam.identity().key)}),
                      kUnauthenticated, "Authenticate's token for a call");
       }},
      {"token.tenant", "A tenant that is not in the issuer's list is PERMISSION_DENIED.", kTokens,
       [](Exam& exam) {
         TokenParts parts = exam.Parts(TokenUse::kAuthenticate);
         parts.context_id = "\"zz_conformance_stranger\"";
         ExpectStatus(exam.AuthenticateWith(Signed(parts, *exam.identity().key)),
                      absl::StatusCode::kPermissionDenied, "a tenant outside the issuer's list");
       }},
  };
}

std::vector<Requirement> Admissions() {
  return {
      {"handshake.signed",
       "The answer is signed with the application's key over nonce, context id, cycle and time.",
       kAuthenticate, [](Exam& exam) { exam.Begin(); }},
      {"handshake.nonce-once", "The nonce of Authenticate's token is accepted once.", kAuthenticate,
       [](Exam& exam) {
         const std::string token = Signed(exam.Parts(TokenUse::kAuthenticate), *exam.identity().key);
         ExpectStatus(exam.AuthenticateWith(token), absl::StatusCode::kOk, "a fresh token");
         ExpectStatus(exam.AuthenticateWith(token), kUnauthenticated, "the same token again");
       }},
      {"handshake.application-id", "The answer names the audience that tokens must have.", kAuthenticate,
       [](Exam& exam) {
         const std::string said = exam.Begin().application_id();
         Expect(said == exam.identity().application_id, absl::StrCat("it says '", said, "'"));
       }},
      {"handshake.limits", "Limits are set in every answer, even if no cycle begins.", kAuthenticate,
       [](Exam& exam) {
         exam.Begin();
         const v1::Limits limits = exam.Authenticate("somebody", false, true).limits();
         Expect(limits.message_bytes_max() > 0 && limits.tables_max() > 0 && limits.columns_max() > 0 &&
                    limits.batch_rows_max() > 0 && limits.batch_cells_max() > 0 &&
                    limits.value_bytes_max() > 0 && limits.part_bytes_max() > 0 &&
                    limits.streams_per_tenant_max() > 0 && limits.digest_ranges_max() > 0,
                limits.ShortDebugString());
       }},
      {"handshake.clock", "The answer has the endpoint's time, within 15 minutes of the source's.",
       kAuthenticate,
       [](Exam& exam) {
         const std::int64_t behind = std::time(nullptr) - exam.Begin().server_time_ms() / 1'000;
         Expect(behind < 900 && behind > -900, absl::StrCat("its clock is ", behind, " s behind"));
       }},
      {"handshake.cycle-grows", "Each cycle has a greater number than the one before it.", kAuthenticate,
       [](Exam& exam) {
         const std::int64_t first = exam.Begin().cycle();
         const std::int64_t second = exam.Begin().cycle();
         Expect(first > 0 && second > first, absl::StrCat(second, " after ", first));
       }},
  };
}

std::vector<Requirement> Holders() {
  return {
      {"handshake.busy",
       "While a cycle runs, another holder gets 'busy', with the running cycle and its holder.",
       kAuthenticate,
       [](Exam& exam) {
         const std::int64_t running = exam.Begin().cycle();
         for (const bool take_over : {false, true}) {
           const v1::AuthenticateResponse answer = exam.Authenticate("somebody else", take_over, false);
           Expect(!answer.accepted() && answer.cycle() == 0, "another holder's cycle began");
           Expect(answer.busy().cycle() == running && answer.busy().holder() == "conformance" &&
                      answer.busy().since_ms() > 0,
                  answer.busy().ShortDebugString());
         }
       }},
      {"handshake.no-take-over", "The same holder without take_over gets 'busy', too.", kAuthenticate,
       [](Exam& exam) {
         exam.Begin();
         Expect(!exam.Authenticate("conformance", false, false).accepted(),
                "a second cycle began beside the first");
       }},
      {"handshake.take-over", "The same holder with take_over ends its running cycle and begins a new one.",
       kAuthenticate,
       [](Exam& exam) {
         const std::int64_t first = exam.Begin().cycle();
         const v1::AuthenticateResponse answer = exam.Authenticate("conformance", true, false);
         Expect(answer.accepted() && answer.cycle() > first, "no new cycle began");
       }},
      {"handshake.probe", "A probe begins no cycle and leaves the running one as it is.", kAuthenticate,
       [](Exam& exam) {
         exam.Begin();
         const v1::AuthenticateResponse answer = exam.Authenticate("conformance", true, true);
         Expect(!answer.accepted() && answer.cycle() == 0, "the probe began a cycle");
         exam.Announce(ExamPeople());
       }},
      {"handshake.holder", "A holder of more than 64 bytes is INVALID_ARGUMENT.", kAuthenticate,
       [](Exam& exam) {
         ExpectStatus(exam.client().Authenticate(std::string(65, 'x'), false, true).status(),
                      absl::StatusCode::kInvalidArgument, "a holder of 65 bytes");
       }},
  };
}

}  // namespace

std::vector<Requirement> HandshakeRequirements() { return Together({Admissions, Holders, Tokens}); }

}  // namespace mirror::harness
