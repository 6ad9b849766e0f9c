#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/places.h"
#include "tools/mirror_harness/attack/token_forge.h"

namespace mirror::harness::handshake_test {
namespace {

using harness::GoodParts;
using harness::JsonText;
using harness::Signed;
using harness::SignedHs256;
using harness::TokenParts;
using harness::Unsigned;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A second issuer with a key of its own and tenants of its own.
constexpr char kOtherIssuer[] = R"(
[[issuer]]
name = "Other Source"
environment = "production"
keys = "issuers/other"
contexts = ["Other*"]
)";

class HandshakeTest : public EndpointTest {
 protected:
  void SetUp() override {
    InstallationOptions options;
    options.bin_dir = BinDir();
    options.more_toml = kOtherIssuer;
    auto made = Installation::Init(options);
    ASSERT_TRUE(made.ok()) << made.status();
    here_ = *std::move(made);
    std::filesystem::create_directories(here_->dir() + "/issuers/other");
    other_ = Issue("issuers/other", "other-1");
    ASSERT_THAT(here_->Start(), IsOk());
    identity_ = here_->SourceIdentity().value();
    channel_ = here_->Channel().value();
    stub_ = v1::MirrorClientService::NewStub(channel_);
  }

  /// A new key: its certificate in `folder`, believed from the next reload on.
  std::shared_ptr<const SigningKey> Issue(const std::string& folder, const std::string& key_id,
                                          Algorithm algorithm = Algorithm::kEs256) {
    const std::string private_half = here_->dir() + "/source/" + key_id + ".key";
    const absl::Status issued = IssueSigningKey(
        {here_->dir() + "/" + folder + "/" + key_id + ".crt", private_half}, key_id, algorithm, {});
    EXPECT_TRUE(issued.ok()) << issued;
    return std::make_shared<const SigningKey>(SigningKey::Load(private_half, key_id).value());
  }

  TokenParts Parts(TokenUse use) const {
    return GoodParts(*identity_.key, use, identity_.issuer, identity_.application_id, here_->context_id());
  }

  /// GoodParts() are two minutes old.
  std::string SignedNow() const {
    TokenParts parts = Parts(TokenUse::kAuthenticate);
    parts.nbf = absl::StrCat(std::time(nullptr));
    return Signed(parts, *identity_.key);
  }

  absl::Status Authenticate(const std::string& token) const {
    v1::AuthenticateRequest request;
    request.set_request_token(token);
    request.set_holder("by hand");
    request.set_take_over(true);
    v1::AuthenticateResponse response;
    grpc::ClientContext context;
    SetDeadline(&context);
    return ToAbsl(stub_->Authenticate(&context, request, &response));
  }

  using Call = std::function<grpc::Status(grpc::ClientContext*)>;
  /// Every call that carries its token as metadata.
  std::vector<std::pair<std::string, Call>> Calls() const {
    v1::MirrorClientService::Stub* const stub = stub_.get();
    std::vector<std::pair<std::string, Call>> calls;
    calls.emplace_back("TableSchema", [stub](grpc::ClientContext* context) {
      v1::TableSchemaResponse response;
      return stub->TableSchema(context, {}, &response);
    });
    calls.emplace_back("RowData", [stub](grpc::ClientContext* context) {
      v1::RowDataRequest request;
      request.add_batches()->set_table("people");
      v1::RowDataResponse response;
      return stub->RowData(context, request, &response);
    });
    calls.emplace_back("RowDataStream", [stub](grpc::ClientContext* context) {
      const auto stream = stub->RowDataStream(context);
      v1::RowDataResponse response;
      stream->WritesDone();
      while (stream->Read(&response)) {
      }
      return stream->Finish();
    });
    calls.emplace_back("Wipe", [stub](grpc::ClientContext* context) {
      v1::WipeResponse response;
      return stub->Wipe(context, {}, &response);
    });
    calls.emplace_back("ReplicationCompleted", [stub](grpc::ClientContext* context) {
      v1::ReplicationCompletedResponse response;
      return stub->ReplicationCompleted(context, {}, &response);
    });
    calls.emplace_back("DigestRanges", [stub](grpc::ClientContext* context) {
      v1::DigestRangesResponse response;
      return stub->DigestRanges(context, {}, &response);
    });
    calls.emplace_back("ReadRows", [stub](grpc::ClientContext* context) {
      const auto reader = stub->ReadRows(context, {});
      v1::ReadRowsResponse response;
      while (reader->Read(&response)) {
      }
      return reader->Finish();
    });
    return calls;
  }

  static absl::Status Try(const Call& call, const std::vector<std::string>& authorization) {
    grpc::ClientContext context;
    SetDeadline(&context);
    for (const std::string& value : authorization) context.AddMetadata("authorization", value);
    return ToAbsl(call(&context));
  }

  std::shared_ptr<const SigningKey> other_;
  Identity identity_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MirrorClientService::Stub> stub_;
};

TEST_F(HandshakeTest, TheAnswerIsSignedAndSaysWhatTheEndpointCanDo) {
  const auto client = Client();
  const std::int64_t before_ms = NowSeconds() * 1'000;
  const absl::StatusOr<v1::AuthenticateResponse> admission = client->Authenticate("agent-1", false, false);
  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->accepted());
  EXPECT_GE(admission->cycle(), before_ms);
  EXPECT_FALSE(admission->has_busy());
  EXPECT_FALSE(admission->do_not_replicate());
  EXPECT_EQ(admission->application_id(), identity_.application_id);
  EXPECT_GE(admission->server_time_ms(), before_ms);
  EXPECT_NE(admission->server_version(), "");
  EXPECT_EQ(admission->limits().message_bytes_max(), 16U << 20);
  EXPECT_EQ(admission->limits().tables_max(), 10'000U);
  EXPECT_EQ(admission->limits().streams_per_tenant_max(), 4U);
}

TEST_F(HandshakeTest, AnEndpointThatCannotProveItselfIsRefused) {
  // The client expects the application's key to be another one than the server's.
  Identity identity = identity_;
  identity.application_key =
      std::make_shared<const PublicKey>(PublicKey::Load(here_->dir() + "/issuers/other/other-1.crt").value());
  MirrorClient client(channel_, identity, here_->context_id());
  EXPECT_THAT(client.Authenticate("agent-1", false, false),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       testing::AllOf(HasSubstr("cannot prove"), HasSubstr("application_certificate"))));
}

TEST_F(HandshakeTest, AServerOfAnotherAuthorityIsNotTalkedTo) {
  ASSERT_THAT(IssueCa({here_->dir() + "/strange.crt", here_->dir() + "/strange.key"}, "Strange CA", {}),
              IsOk());
  const auto credentials = MakeChannelCredentials({here_->dir() + "/strange.crt", "", ""});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  MirrorClient client(OpenChannel(here_->address(), *credentials), identity_, here_->context_id());
  EXPECT_THAT(client.Authenticate("agent-1", false, false),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'ca'")));
}

TEST_F(HandshakeTest, EveryTokenThatBreaksARuleIsRefusedAsFieldAndAsMetadata) {
  const std::int64_t now = NowSeconds();
  const std::string public_key = ReadFileText(here_->dir() + "/issuers/development/source-1.crt");
  const SigningKey wrong_key = SigningKey::Load(here_->dir() + "/source/other-1.key", "source-1").value();
  constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
  constexpr auto kPermissionDenied = absl::StatusCode::kPermissionDenied;
  struct Case {
    std::string name;
    std::function<void(TokenParts&)> change;
    absl::StatusCode want = absl::StatusCode::kUnauthenticated;
    std::function<std::string(const TokenParts&)> sign;  ///< Absent: with the right key.
  };
  const auto times = [](std::int64_t nbf, std::int64_t exp) {
    return [nbf, exp](TokenParts& parts) {
      parts.nbf = absl::StrCat(nbf);
      parts.exp = absl::StrCat(exp);
    };
  };
  const auto none = [](TokenParts&) {};
  const std::vector<Case> cases = {
      {"alg none", [](TokenParts& p) { p.alg = "\"none\""; }, kUnauthenticated, Unsigned},
      {"alg none, signed", [](TokenParts& p) { p.alg = "\"none\""; }},
      {"no signature", none, kUnauthenticated, Unsigned},
      {"HS256 with the public key", [](TokenParts& p) { p.alg = "\"HS256\""; }, kUnauthenticated,
       [&](const TokenParts& p) { return SignedHs256(p, public_key); }},
      {"HS256 named ES256", none, kUnauthenticated,
       [&](const TokenParts& p) { return SignedHs256(p, public_key); }},
      {"RS256 named for an ES256 key", [](TokenParts& p) { p.alg = "\"RS256\""; }},
      {"wrong key", none, kUnauthenticated, [&](const TokenParts& p) { return Signed(p, wrong_key); }},
      {"unknown kid", [](TokenParts& p) { p.kid = "\"source-9\""; }},
      {"no kid", [](TokenParts& p) { p.kid.clear(); }},
      {"numeric kid", [](TokenParts& p) { p.kid = "1"; }},
      {"kid with a path", [](TokenParts& p) { p.kid = "\"../development/source-1\""; }},
      {"wrong issuer", [](TokenParts& p) { p.iss = "\"Somebody\""; }},
      {"issuer of another key", [](TokenParts& p) { p.iss = "\"Other Source\""; }},
      {"no issuer", [](TokenParts& p) { p.iss.clear(); }},
      {"wrong audience", [](TokenParts& p) { p.aud = "\"another-application\""; }},
      {"no audience", [](TokenParts& p) { p.aud.clear(); }},
      {"expired", times(now - 900, now - 300)},
      {"missing exp", [](TokenParts& p) { p.exp.clear(); }},
      {"negative exp", [](TokenParts& p) { p.exp = "-5"; }},
      {"exp as text", [&](TokenParts& p) { p.exp = JsonText(absl::StrCat(now + 60)); }},
      {"exp with a fraction", [&](TokenParts& p) { p.exp = absl::StrCat(now + 60, ".5"); }},
      {"exp beyond 64 bits", [](TokenParts& p) { p.exp = "99999999999999999999"; }},
      {"missing nbf", [](TokenParts& p) { p.nbf.clear(); }},
      {"not yet valid", times(now + 300, now + 600)},
      {"lifetime too long", times(now - 60, now + 7'200)},
      {"no context id", [](TokenParts& p) { p.context_id.clear(); }},
      {"context id with a path", [](TokenParts& p) { p.context_id = "\"../../etc/passwd\""; }},
      {"empty context id", [](TokenParts& p) { p.context_id = "\"\""; }},
      {"numeric context id", [](TokenParts& p) { p.context_id = "5"; }},
      {"another tenant's context id", [](TokenParts& p) { p.context_id = "\"Other1\""; }, kPermissionDenied},
      {"another issuer's tenant",
       [](TokenParts& p) {
         p.kid = "\"other-1\"";
         p.iss = "\"Other Source\"";
       },
       kPermissionDenied, [&](const TokenParts& p) { return Signed(p, *other_); }},
      {"no nonce", [](TokenParts& p) { p.nonce.clear(); }},
      {"numeric alg", [](TokenParts& p) { p.alg = "256"; }},
      {"numeric typ", [](TokenParts& p) { p.typ = "5"; }},
      {"no typ", [](TokenParts& p) { p.typ.clear(); }},
      {"crit", [](TokenParts& p) { p.more_header = ", \"crit\": [\"exp\"]"; }},
      {"alg twice", [](TokenParts& p) { p.more_header = ", \"alg\": \"none\""; }},
      {"exp twice", [&](TokenParts& p) { p.more_payload = absl::StrCat(", \"exp\": ", now + 60); }},
      {"context id twice", [](TokenParts& p) { p.more_payload = ", \"" + p.context_claim + "\": \"Cust\""; }},
      {"an answer for a request", [](TokenParts& p) { p.typ = JsonText(TokenType(TokenUse::kAnswer)); }},
      {"garbage", none, kUnauthenticated, [](const TokenParts&) { return std::string("garbage"); }},
      {"three dots of garbage", none, kUnauthenticated,
       [](const TokenParts&) { return std::string("a.b.c.d"); }},
      {"nothing", none, kUnauthenticated, [](const TokenParts&) { return std::string(); }},
      {"a newline behind", none, kUnauthenticated,
       [&](const TokenParts& p) { return Signed(p, *identity_.key) + "="; }},
      {"9 KB", [](TokenParts& p) { p.more_payload = ", \"x\": " + JsonText(std::string(7'000, 'x')); }},
  };
  const auto calls = Calls();
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    for (const TokenUse use : {TokenUse::kAuthenticate, TokenUse::kCall}) {
      TokenParts parts = Parts(use);
      test.change(parts);
      const std::string token = test.sign ? test.sign(parts) : Signed(parts, *identity_.key);
      const auto check = [&](const absl::Status& status) {
        EXPECT_EQ(status.code(), test.want) << status;
        EXPECT_NE(status.message(), "");
        if (token.size() < 40) return;
        // Nothing of the token, nor of what it holds, comes back.
        const std::string said(status.message());
        const std::string signature = token.substr(token.rfind('.') + 1, 20);
        if (signature.size() == 20) {
          EXPECT_THAT(said, Not(HasSubstr(signature)));
        }
        EXPECT_THAT(said, Not(HasSubstr(token.substr(0, 30))));
        if (parts.nonce.size() > 8) {
          EXPECT_THAT(said, Not(HasSubstr(parts.nonce.substr(1, 30))));
        }
      };
      if (use == TokenUse::kAuthenticate) {
        check(Authenticate(token));
      } else {
        for (const auto& [name, call] : calls) {
          SCOPED_TRACE(name);
          check(Try(call, {"Bearer " + token}));
        }
      }
    }
  }
  // No database was touched, and the server serves the next call.
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path()));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Other1")));
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kAuthenticate), *identity_.key)), IsOk());
}

TEST_F(HandshakeTest, ATokenIsGoodForItsOwnKindOfCallOnly) {
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kCall), *identity_.key)),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("typ")));
  for (const auto& [name, call] : Calls()) {
    SCOPED_TRACE(name);
    EXPECT_THAT(Try(call, {"Bearer " + Signed(Parts(TokenUse::kAuthenticate), *identity_.key)}),
                StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("typ")));
  }
}

TEST_F(HandshakeTest, ACallWithoutExactlyOneBearerTokenIsRefused) {
  const std::string good = Signed(Parts(TokenUse::kCall), *identity_.key);
  for (const auto& [name, call] : Calls()) {
    SCOPED_TRACE(name);
    constexpr auto kRefused = absl::StatusCode::kUnauthenticated;
    EXPECT_THAT(Try(call, {}), StatusIs(kRefused, HasSubstr("authorization")));
    EXPECT_THAT(Try(call, {good}), StatusIs(kRefused, HasSubstr("Bearer")));
    EXPECT_THAT(Try(call, {"Basic " + good}), StatusIs(kRefused, HasSubstr("Bearer")));
    EXPECT_THAT(Try(call, {"Bearer " + good, "Bearer " + good}), StatusIs(kRefused, HasSubstr("several")));
  }
}

TEST_F(HandshakeTest, ANonceIsAcceptedOnceAlsoAfterARestart) {
  const std::string token = SignedNow();
  ASSERT_THAT(Authenticate(token), IsOk());
  EXPECT_THAT(Authenticate(token), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
  ASSERT_THAT(here_->Restart(), IsOk());
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  EXPECT_THAT(Authenticate(token), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
  EXPECT_THAT(Authenticate(SignedNow()), IsOk());
  here_->Kill();
  ASSERT_THAT(here_->Start(), IsOk());
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  // It is from before the start, unless both are of one second.
  EXPECT_THAT(Authenticate(token), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("used")));
  EXPECT_THAT(Authenticate(SignedNow()), IsOk());
}

TEST_F(HandshakeTest, WhenTheMemoryOfNoncesIsFullAuthenticateIsRefusedAndNothingIsForgotten) {
  ASSERT_THAT(here_->Set({"limits", "nonces_max", "3"}), IsOk());
  ASSERT_THAT(here_->Restart(), IsOk());
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  std::string first;
  for (int i = 0; i < 3; ++i) {
    const std::string token = Signed(Parts(TokenUse::kAuthenticate), *identity_.key);
    if (i == 0) first = token;
    ASSERT_THAT(Authenticate(token), IsOk());
  }
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kAuthenticate), *identity_.key)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("3")));
  EXPECT_THAT(Authenticate(first), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
}

TEST_F(HandshakeTest, ALongTokenIsUnauthenticatedAsFieldAndResourceExhaustedAsMetadata) {
  const std::string long_one(64 << 10, 'a');
  const absl::Status as_field = Authenticate(long_one);
  EXPECT_THAT(as_field, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_LT(as_field.message().size(), 1'000U);
  EXPECT_THAT(Try(Calls().front().second, {"Bearer " + long_one}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  // gRPC gives up the connection over it; the server serves the next one.
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kAuthenticate), *identity_.key)), IsOk());
}

TEST_F(HandshakeTest, AMegabyteOfTokenIsMoreThanAStrangerMaySend) {
  const std::string megabyte(1 << 20, 'a');
  // Its connection is ended, before or behind the answer.
  EXPECT_THAT(Authenticate(megabyte).code(),
              AnyOf(absl::StatusCode::kUnauthenticated, absl::StatusCode::kUnavailable));
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  EXPECT_THAT(Try(Calls().front().second, {"Bearer " + megabyte}).code(),
              AnyOf(absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnavailable));
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kAuthenticate), *identity_.key)), IsOk());
}

TEST_F(HandshakeTest, BothAlgorithmsAreAcceptedUnlessTheConfigurationNamesOne) {
  const auto rsa = Issue("issuers/development", "rsa-1", Algorithm::kRs256);
  ASSERT_THAT(here_->Restart(), IsOk());
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  const auto token = [&] {
    return Signed(
        GoodParts(*rsa, TokenUse::kAuthenticate, identity_.issuer, identity_.application_id, "Cust"), *rsa);
  };
  EXPECT_THAT(Authenticate(token()), IsOk());
  ASSERT_THAT(here_->Set({"tokens", "algorithms", "[\"ES256\"]"}), IsOk());
  ASSERT_THAT(here_->Restart(), IsOk());
  stub_ = v1::MirrorClientService::NewStub(here_->Channel().value());
  EXPECT_THAT(Authenticate(token()), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Authenticate(Signed(Parts(TokenUse::kAuthenticate), *identity_.key)), IsOk());
}

TEST_F(HandshakeTest, ARemovedKeyEndsItsOpenStreamAndNoOtherOne) {
  const TableSchema people = People();
  const auto old_client = Client();
  const std::int64_t old_cycle = Begin(*old_client);
  Announce(*old_client, old_cycle, {people});
  absl::StatusOr<std::unique_ptr<RowStream>> stream = old_client->OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  BatchSpec spec;
  spec.populate = PopulateReason::kMinusOne;
  const auto send = [&](std::int64_t cycle, std::int64_t id) {
    spec.rows = {{id, "name", 1}};
    const absl::Status sent = (*stream)->Send(Request(cycle, {Message(people, spec)}));
    const absl::StatusOr<v1::RowDataResponse> answer = (*stream)->Receive();
    EXPECT_TRUE(sent.ok() && answer.ok()) << sent << answer.status();
    if (!answer.ok()) return;
    EXPECT_EQ(answer->results(0).code(), 0) << answer->results(0).message();
    ++spec.seq;
    spec.populate = PopulateReason::kNone;
  };
  send(old_cycle, 1);

  // Rollover: both keys are good.
  Identity new_identity = identity_;
  new_identity.key = Issue("issuers/development", "source-2");
  MirrorClient new_client(channel_, new_identity, here_->context_id());
  EXPECT_THAT(new_client.Authenticate("x", false, true),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("source-2")));
  here_->server().Signal(SIGHUP);
  const std::uint64_t first_reload = WaitForEvent("keys.reloaded").id();
  EXPECT_THAT(new_client.Authenticate("x", false, true), IsOk());
  EXPECT_THAT(old_client->Authenticate("x", false, true), IsOk());
  send(old_cycle, 2);

  // The old key goes: its tokens are refused, remembered ones too, and so is what its open stream brings.
  const std::string remembered = Signed(Parts(TokenUse::kCall), *identity_.key);
  const Call table_schema = Calls().front().second;
  EXPECT_THAT(Try(table_schema, {"Bearer " + remembered}), Not(StatusIs(absl::StatusCode::kUnauthenticated)));
  std::filesystem::remove(here_->dir() + "/issuers/development/source-1.crt");
  here_->server().Signal(SIGHUP);
  const std::uint64_t second_reload = WaitForEvent("keys.reloaded", first_reload).id();
  EXPECT_THAT(old_client->Authenticate("x", false, true),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("source-1")));
  EXPECT_THAT(Try(table_schema, {"Bearer " + remembered}), StatusIs(absl::StatusCode::kUnauthenticated));
  spec.rows = {{3, "name", 1}};
  spec.commit = spec.target;
  EXPECT_THAT((*stream)->Send(Request(old_cycle, {Message(people, spec)})), IsOk());
  EXPECT_THAT((*stream)->Receive(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("source-1")));
  stream->reset();

  // What cannot be read leaves the keys as they are, and a stream of the new one goes on.
  const std::int64_t new_cycle = Begin(new_client);
  const std::vector<v1::TableStatus> answers = Announce(new_client, new_cycle, {people});
  EXPECT_EQ(answers.front().position().lsn(), -1) << "nothing was committed";
  stream = new_client.OpenRowStream();
  ASSERT_THAT(stream, IsOk());
  spec = BatchSpec();
  spec.populate = PopulateReason::kMinusOne;
  send(new_cycle, 1);
  WriteFileText(here_->dir() + "/issuers/development/broken.crt", "no certificate");
  here_->server().Signal(SIGHUP);
  EXPECT_THAT(WaitForEvent("keys.not_reloaded", second_reload).message(), HasSubstr("broken.crt"));
  EXPECT_THAT(new_client.Authenticate("x", false, true), IsOk());
  send(new_cycle, 2);
  EXPECT_THAT((*stream)->Finish(), IsOk());
}

TEST_F(HandshakeTest, ARemovedKeyEndsAReadingThatIsUnderWay) {
  TableSchema people = People();
  Rows rows;
  for (std::int64_t id = 1; id <= 14; ++id) rows.push_back({id, std::string(1'000'000, 'x'), 1});
  const auto client = Client();
  Fill(*client, people, rows, {Lsn{1}, "line"});
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {people});
  grpc::ClientContext context;
  SetDeadline(&context);
  context.AddMetadata("authorization", "Bearer " + Signed(Parts(TokenUse::kCall), *identity_.key));
  v1::ReadRowsRequest request;
  request.set_cycle(cycle);
  request.set_table(people.name);
  EncodePosition({Lsn{1}, "line"}, request.mutable_position());
  for (const std::uint32_t column : {0U, 1U}) request.add_columns(column);
  const auto reader = stub_->ReadRows(&context, request);
  v1::ReadRowsResponse response;
  ASSERT_TRUE(reader->Read(&response));

  Issue("issuers/development", "source-2");
  std::filesystem::remove(here_->dir() + "/issuers/development/source-1.crt");
  here_->server().Signal(SIGHUP);
  WaitForEvent("keys.reloaded");
  int more = 0;
  while (reader->Read(&response)) ++more;
  EXPECT_THAT(ToAbsl(reader->Finish()), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("source-1")));
  EXPECT_LT(more, 13);
}

TEST_F(HandshakeTest, ASighupBeforeTheServerIsUpIsAReload) {
  ASSERT_THAT(here_->Stop(), testing::Eq(absl::StatusOr<int>(0)));
  here_->set_environment({"LD_PRELOAD=" + ShimPath("early_hangup")});
  ASSERT_THAT(here_->Start(), IsOk());
  WaitForEvent("keys.reloaded");
}

TEST_F(HandshakeTest, AKeyThatOthersMayReadStopsTheStart) {
  ASSERT_THAT(here_->Stop(), testing::Eq(absl::StatusOr<int>(0)));
  for (const char* key : {"application/application-1.key", "tls/server.key", "admin/server.key"}) {
    SCOPED_TRACE(key);
    const std::string path = here_->dir() + "/" + key;
    ASSERT_EQ(chmod(path.c_str(), 0644), 0);
    const Finished refused = RunProgram(here_->program("mirror-server"), {"--config", here_->server_toml()});
    EXPECT_THAT(refused.exit_code, AnyOf(1, 2));
    EXPECT_THAT(refused.errors, HasSubstr(key));
    ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  }
  EXPECT_THAT(here_->Start(), IsOk());
}

}  // namespace
}  // namespace mirror::harness::handshake_test
