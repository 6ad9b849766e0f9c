#include "tools/mirror_harness/attack/target.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include <filesystem>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/issue.h"
#include "mirror/v1/mirror_client.grpc.pb.h"

namespace mirror::harness {
namespace {

constexpr std::int64_t kVictimLsn = 10;
constexpr char kLineage[] = "victim";

Column Plain(const std::string& name, Type type) {
  Column column;
  column.name = name;
  column.type = type;
  column.nullable = true;
  return column;
}

/// Returns the public half of a private key as PEM, as an attacker may have it. Empty: the file has no key.
std::string PublicHalf(const std::string& private_key) {
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(private_key.c_str(), "r"), BIO_free);
  const std::unique_ptr<BIO, int (*)(BIO*)> text(BIO_new(BIO_s_mem()), BIO_free);
  if (file == nullptr || text == nullptr) return {};
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr || PEM_write_bio_PUBKEY(text.get(), key.get()) != 1) return {};
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

absl::Status FromRpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

/// Returns a name for this run. It is made from the clock, which is precise enough to distinguish the runs.
std::string RunName() {
  return absl::StrCat(
      absl::Hex(std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1)));
}

void AppendVictimRow(std::int64_t id, const std::string& name, RowBlock* block) {
  std::vector<ColumnBuffer>& columns = block->columns;
  columns[kId].AppendInt(id);
  columns[kName].AppendBytes(name);
  columns[kAge].AppendInt(36);
  columns[kPrice].AppendBytes("12.50");
  columns[kPhoto].AppendBytes(std::string("\0\xff", 2));
  columns[kSeen].AppendInt(0);
  columns[kToken].AppendBytes("0123456789abcdef");
  columns[kLocked].AppendInt(1);
  columns[kRatio].AppendDouble(0.5);
  columns[kNote].AppendBytes("note");
}

}  // namespace

TableSchema VictimTable(const std::string& name) {
  TableSchema table;
  table.name = name;
  table.columns = {Plain("id", Type::kInt64),     Plain("name", Type::kText),
                   Plain("age", Type::kInt32),    Plain("price", Type::kDecimal),
                   Plain("photo", Type::kBytes),  Plain("seen", Type::kTimestamp),
                   Plain("token", Type::kUuid),   Plain("locked", Type::kBool),
                   Plain("ratio", Type::kDouble), Plain("note", Type::kAny)};
  table.columns[kId].key_position = 1;
  table.columns[kId].nullable = false;
  table.columns[kName].nullable = false;
  table.columns[kName].length = 50;
  table.columns[kPrice].precision = 10;
  table.columns[kPrice].scale = 2;
  table.columns[kNote].affinity = Affinity::kBlob;
  return table;
}

Outcome SendRows(MirrorClient& client, const v1::RowDataRequest& request) {
  const absl::StatusOr<v1::RowDataResponse> answer = client.RowData(request);
  if (!answer.ok()) return OutcomeOf(answer.status());
  if (answer->results().empty()) return {{"OK"}, "no result", ""};
  return OutcomeOf(StatusOf(answer->results(answer->results_size() - 1)));
}

Attack::Run Batch(std::function<void(v1::ChangeBatch&)> change) {
  return [change = std::move(change)](Target& target) {
    v1::ChangeBatch batch = target.GoodBatch();
    change(batch);
    return target.CheckVictim(target.Send(target.Request(batch)));
  };
}

Outcome InParallel(int threads, const std::function<Outcome(int)>& work) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { outcomes[static_cast<std::size_t>(i)] = work(i); });
  }
  for (std::thread& thread : running) thread.join();
  Outcome all;
  for (const Outcome& one : outcomes) AddOutcome(one, &all);
  return all;
}

absl::StatusOr<std::unique_ptr<Target>> Target::Make(const AgentConfig& config, const std::string& context_id,
                                                     double seconds) {
  std::unique_ptr<Target> target(new Target(config));
  ASSIGN_OR_RETURN(target->connection_, mirror::Connect(config));
  target->context_id_ = context_id;
  target->run_ = RunName();
  target->flood_time_ =
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
  if (const absl::Status good = CheckContextId(target->Tenant("flood-999")); !good.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--context-id '", context_id, "' with what this command adds: ", std::string(good.message())));
  }
  target->public_pem_ = PublicHalf(config.identity.key);
  std::string folder = (std::filesystem::temp_directory_path() / "mirror-hostile-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot make a folder like ", folder, " for strangers' keys"));
  }
  target->folder_ = folder;
  RETURN_IF_ERROR(target->PrepareVictim());
  return target;
}

Target::~Target() {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Target::Tenant(const std::string& suffix) const {
  return absl::StrCat(context_id_, "-hostile-", suffix, "-", run_);
}

std::shared_ptr<grpc::Channel> Target::NewChannel() const {
  const absl::StatusOr<Connection> connection = mirror::Connect(config_);
  return (connection.ok() ? *connection : connection_).line->Channel();
}

std::unique_ptr<MirrorClient> Target::NewClient(const std::string& context_id) const {
  return std::make_unique<MirrorClient>(NewChannel(), identity(), context_id);
}

TokenParts Target::Parts(TokenUse use, const std::string& context_id) const {
  TokenParts parts =
      GoodParts(*identity().key, use, identity().issuer, identity().application_id, context_id);
  parts.context_claim = identity().context_claim;
  return parts;
}

std::string Target::CallToken(const std::string& context_id) const {
  return Signed(Parts(TokenUse::kCall, context_id), *identity().key);
}

Outcome Target::Authenticate(const std::string& token, const std::shared_ptr<grpc::Channel>& channel) const {
  v1::AuthenticateRequest request;
  request.set_request_token(token);
  request.set_holder("hostile");
  v1::AuthenticateResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAttackPatience);
  const auto stub = v1::MirrorClientService::NewStub(channel);
  return OutcomeOf(FromRpc(stub->Authenticate(&context, request, &response)));
}

Outcome Target::Call(const std::vector<std::string>& authorizations,
                     const std::shared_ptr<grpc::Channel>& channel) const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAttackPatience);
  for (const std::string& value : authorizations) context.AddMetadata("authorization", value);
  const auto stub = v1::MirrorClientService::NewStub(channel);
  v1::RowDataRequest request;
  request.set_cycle(cycle());
  v1::RowDataResponse response;
  return OutcomeOf(FromRpc(stub->RowData(&context, request, &response)));
}

std::shared_ptr<const SigningKey> Target::StrangersKey(const std::string& key_id, Algorithm algorithm) {
  std::shared_ptr<const SigningKey>& key = strangers_[absl::StrCat(key_id, ToString(algorithm).data())];
  if (key != nullptr) return key;
  const PairFiles files = {absl::StrCat(folder_, "/", strangers_.size(), ".crt"),
                           absl::StrCat(folder_, "/", strangers_.size(), ".key")};
  // The folder and the name are valid, so that only the machine can cause an error here.
  if (!IssueSigningKey(files, key_id, algorithm, {}).ok()) return key;
  const absl::StatusOr<SigningKey> loaded = SigningKey::Load(files.key, key_id);
  if (loaded.ok()) key = std::make_shared<const SigningKey>(*loaded);
  return key;
}

v1::TableSchemaRequest Target::Announcement() const { return source_->Announcement({VictimTable()}); }

absl::Status Target::PrepareVictim() {
  const bool first = source_ == nullptr;
  if (first) source_ = std::make_unique<SyntheticSource>(NewClient(Tenant("victim")), "hostile");
  for (const bool fill : {true, false}) {
    if (fill && !first) continue;
    ASSIGN_OR_RETURN(const v1::AuthenticateResponse admission, source_->Authenticate("victim", true));
    if (!admission.accepted())
      return absl::UnavailableError(absl::StrCat("no cycle began: ", admission.reason()));
    ASSIGN_OR_RETURN(const v1::TableSchemaResponse agreed, source_->Announce({VictimTable()}));
    agreed_ = agreed.tables(0);
    if (!fill) break;
    v1::ChangeBatch batch = GoodBatch();
    batch.set_base_lsn(-1);
    batch.set_populate(v1::POPULATE_REASON_MINUS_ONE);
    batch.mutable_target()->set_lsn(kVictimLsn);
    AddCommit(&batch);
    const Outcome filled = Send(Request(batch));
    if (!filled.got.contains("OK")) return absl::InternalError("the victim was not filled: " + filled.words);
    RETURN_IF_ERROR(source_->Complete().status());
  }
  ASSIGN_OR_RETURN(const v1::DigestRangesResponse digest, DigestOfVictim());
  digest_ = digest.SerializeAsString();
  return absl::OkStatus();
}

v1::ChangeBatch Target::GoodBatch() const {
  v1::Position target;
  target.set_lsn(kVictimLsn + 10);
  target.set_lineage(kLineage);
  v1::ChangeBatch batch = BatchAt("people", agreed_, 1, target, v1::OPERATION_INSERT);
  batch.set_base_lsn(kVictimLsn);
  const auto fill = [](RowBlock* block) {
    AppendVictimRow(1, "Ada", block);
    AppendVictimRow(2, "Bob", block);
  };
  FillBatch(VictimTable(), {}, fill, &batch);
  return batch;
}

Outcome Target::Send(const v1::RowDataRequest& request) const { return SendRows(victim(), request); }

absl::StatusOr<v1::DigestRangesResponse> Target::DigestOfVictim() const {
  v1::DigestRangesRequest request;
  request.set_cycle(cycle());
  request.set_table("people");
  request.mutable_position()->set_lsn(kVictimLsn);
  request.mutable_position()->set_lineage(kLineage);
  return victim().DigestRanges(request);
}

Outcome Target::CheckVictim(Outcome outcome, bool once_it_has_place) {
  const absl::StatusOr<v1::DigestRangesResponse> digest =
      once_it_has_place ? AwaitVictimsPlace() : DigestOfVictim();
  if (digest.ok() && digest->SerializeAsString() == digest_) return outcome;
  PrepareVictim().IgnoreError();  // Prepares the victim for the next attack, which reports errors itself.
  if (outcome.fault.empty()) {
    outcome.fault = digest.ok() ? "the victim's rows changed"
                                : absl::StrCat("the victim was hit: ", digest.status().message());
  }
  return outcome;
}

absl::StatusOr<v1::DigestRangesResponse> Target::AwaitVictimsPlace() const {
  const auto deadline = std::chrono::steady_clock::now() + kAttackPatience;
  absl::StatusOr<v1::DigestRangesResponse> digest;
  do {
    digest = DigestOfVictim();
  } while (absl::IsResourceExhausted(digest.status()) && std::chrono::steady_clock::now() < deadline);
  return digest;
}

Outcome Target::CheckService(Outcome outcome) const {
  if (!outcome.fault.empty()) return outcome;
  const auto deadline = std::chrono::steady_clock::now() + kAttackPatience;
  absl::Status status;
  do {
    const auto client = NewClient(Tenant("victim"));
    status = client->Authenticate("somebody", false, true).status();
    if (status.ok()) return outcome;
  } while (std::chrono::steady_clock::now() < deadline);
  outcome.fault = absl::StrCat("a source that connects again is not served: ", status.message());
  return outcome;
}

}  // namespace mirror::harness
