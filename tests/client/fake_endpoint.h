#ifndef MIRROR_TESTS_CLIENT_FAKE_ENDPOINT_H_
#define MIRROR_TESTS_CLIENT_FAKE_ENDPOINT_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/token.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/refusal.h"
#include "tests/client/source/source_database.h"

namespace mirror {

/// As much of an endpoint as a source without a change log can tell apart: positions, cycles, order of
/// batches, commits. It keeps no rows, only their number. Every call is on record.
class FakeEndpoint : public v1::MirrorClientService::Service {
 public:
  struct Table {
    v1::Position position, pending;
    std::uint64_t rows = 0;                        ///< At `position`.
    std::uint64_t shadow = 0;                      ///< Of the population under way.
    std::uint64_t seq = 0;                         ///< Last one applied in this cycle.
    std::map<std::uint64_t, std::uint64_t> parts;  ///< Bytes of each long value.
    v1::TableAction action = v1::TABLE_ACTION_UNCHANGED;
    bool known = false;
  };

  explicit FakeEndpoint(const TempFolder& folder) {
    const auto make = [&](const std::string& name) {
      const PairFiles files{folder / (name + ".crt"), folder / (name + ".key")};
      EXPECT_TRUE(IssueSigningKey(files, name, Algorithm::kEs256, {}).ok());
      return files;
    };
    const PairFiles source = make("source"), application = make("application");
    identity_.issuer = "Source";
    identity_.key = std::make_shared<const SigningKey>(*SigningKey::Load(source.key, "source"));
    identity_.application_id = "application";
    identity_.application_key = std::make_shared<const PublicKey>(*PublicKey::Load(application.certificate));
    key_ = std::make_shared<const SigningKey>(*SigningKey::Load(application.key, "application"));

    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(16 << 20);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeEndpoint() override { Stop(); }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_.reset();
  }

  MirrorClient Client() const {
    return {OpenChannel(address_, grpc::InsecureChannelCredentials()), identity_, "Cust"};
  }
  /// Connection of a program to this endpoint. This object must outlive it.
  Connection ToConnection() {
    const auto open = [this] { return OpenChannel(address_, grpc::InsecureChannelCredentials()); };
    return {std::make_shared<Line>(open), identity_};
  }
  Identity& identity() { return identity_; }
  const std::string& address() const { return address_; }

  // What the next calls do. Set between cycles, or from `on_batch`, which runs under the lock.
  int refused_calls = 0;  ///< So many TableSchema calls are told that their token is bad.
  std::string busy_reason;
  bool busy = false, do_not_replicate = false, lie_about_cycle = false;
  v1::DoNotReplicateBy told_by = v1::DO_NOT_REPLICATE_BY_UNSPECIFIED;
  std::map<std::string, v1::TableAction> actions;  ///< REFUSED, HELD, REPOPULATE of one table.
  bool refuses_any_keys = false;                   ///< As a store with one type for each column of a key.
  std::map<std::string, bool> unwanted;
  std::function<grpc::Status(const v1::ChangeBatch&)> on_batch;       ///< Not OK: the batch's result.
  std::function<grpc::Status(const v1::RowDataRequest&)> on_request;  ///< Not OK: the end of the stream.
  std::function<void(const v1::ChangeBatch&, v1::BatchResult*)> on_result;  ///< Of one that was applied.
  grpc::Status on_completed;
  std::function<void()> at_completion;  ///< Before the answer to a good ReplicationCompleted.
  std::function<void()> on_authenticate;
  grpc::Status on_probe;
  std::function<grpc::Status(v1::TableSchemaResponse*)> on_schema;  ///< Last: the answer may be changed.
  bool takes_changes = false;  ///< Of a source with a change log; else every table is populated.
  std::string differs;         ///< A table of which this endpoint counts other rows.
  std::vector<std::string> capabilities;
  bool keeps_announcements = false;  ///< Answers what is named by its digest.
  /// Takes RowDataRequest.completed, of which the log has "ended". kAlways: whatever became of the rows.
  enum class Ends : std::uint8_t { kNever, kWithGoodRows, kAlways };
  Ends ends = Ends::kNever;
  /// Empty: it does not know the call.
  std::function<grpc::Status(const v1::DigestRangesRequest&, v1::DigestRangesResponse*)> on_digests;
  /// Empty: it does not know the call.
  std::function<grpc::Status(const v1::HeartbeatRequest&, v1::HeartbeatResponse*)> on_heartbeat;
  v1::Limits limits;

  // What happened.
  std::mutex mutex;
  std::map<std::string, Table> tables;
  std::vector<std::string> log;  ///< "authenticate", "announced", "schema", "rows", "digests", "completed".
  std::vector<std::string> holders;
  std::vector<bool> take_overs;
  std::map<std::string, v1::PopulateReason> reasons;
  std::map<std::string, std::uint64_t> planned;
  v1::TableSchemaRequest announced;
  std::string announced_sha256;  ///< As the last Authenticate named it.
  v1::ReplicationCompletedRequest completed;
  std::string request_token;                ///< Of Authenticate.
  std::vector<std::string> authorizations;  ///< Of the other calls.
  int requests = 0;
  int streams = 0;
  int old_tokens = 0;                  ///< So many are refused as from before the endpoint came up.
  std::int64_t new_tokens_from_s = 0;  ///< Unix second; refuses tokens of before so, too; 0: none.

  /// Before and after each run: what the test's thread and the endpoint's threads wrote, the others see.
  void Settle() { const std::lock_guard lock(mutex); }
  std::size_t Count(const std::string& call) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), call));
  }

 private:
  grpc::Status Authenticate(grpc::ServerContext* context, const v1::AuthenticateRequest* request,
                            v1::AuthenticateResponse* response) override {
    const std::lock_guard lock(mutex);
    log.emplace_back(request->probe() ? "probe" : "authenticate");
    if (on_authenticate) on_authenticate();
    const bool is_early = new_tokens_from_s > 0 && IssuedAt(request->request_token()) < new_tokens_from_s;
    if (is_early || (old_tokens > 0 && old_tokens-- > 0)) {
      context->AddTrailingMetadata(kNewTokenPayload,
                                   is_early ? absl::StrCat(new_tokens_from_s) : "1700000000");
      return {grpc::StatusCode::UNAUTHENTICATED, "whether the token was used before is not known"};
    }
    if (request->probe() && !on_probe.ok()) return on_probe;
    holders.push_back(request->holder());
    take_overs.push_back(request->take_over());
    request_token = request->request_token();
    if (request->probe()) {
      response->set_server_version("1.2.3");
    } else if (busy) {
      response->mutable_busy()->set_cycle(cycle_);
      response->mutable_busy()->set_holder("somebody");
      response->set_reason(busy_reason);
    } else if (do_not_replicate) {
      response->set_do_not_replicate(true);
      response->set_do_not_replicate_by(told_by);
      response->set_reason("paused for the inventory");
    } else {
      response->set_accepted(true);
      response->set_cycle(++cycle_);
      *response->mutable_limits() = limits;
      for (const std::string& capability : capabilities) response->add_capabilities(capability);
      for (auto& [name, table] : tables) table.seq = 0;
      announced_sha256 = request->announced_sha256();
      if (keeps_announcements && AnnouncementSha256(Kept()) == announced_sha256) {
        log.emplace_back("announced");
        AnswerSchema(announced, response->mutable_announced());
      }
    }
    Answer answer;
    answer.nonce = NonceOf(request->request_token());
    answer.context_id = "Cust";
    answer.application_id = "application";
    answer.cycle = lie_about_cycle ? response->cycle() + 1 : response->cycle();
    answer.time_s = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    response->set_signed_response(*SignAnswer(*key_, answer));
    return grpc::Status::OK;
  }

  /// The token is the client's own; certs has the tests of reading one.
  static std::string PayloadOf(const std::string& token) {
    std::string payload;
    const std::size_t first = token.find('.');
    absl::WebSafeBase64Unescape(token.substr(first + 1, token.rfind('.') - first - 1), &payload);
    return payload;
  }
  static std::string NonceOf(const std::string& token) {
    const std::string payload = PayloadOf(token);
    const std::size_t at = payload.find("\"nonce\":\"") + 9;
    return payload.substr(at, payload.find('"', at) - at);
  }
  static std::int64_t IssuedAt(const std::string& token) {
    const std::string payload = PayloadOf(token);
    return std::stoll(payload.substr(payload.find("\"iat\":") + 6));
  }

  void Note(const grpc::ServerContext& context, const std::string& call) {
    log.push_back(call);
    const auto found = context.client_metadata().find("authorization");
    if (found == context.client_metadata().end()) {
      ADD_FAILURE() << call << " without a token";
    } else {
      authorizations.emplace_back(found->second.data(), found->second.size());
    }
  }

  grpc::Status TableSchema(grpc::ServerContext* context, const v1::TableSchemaRequest* request,
                           v1::TableSchemaResponse* response) override {
    const std::lock_guard lock(mutex);
    Note(*context, "schema");
    if (refused_calls > 0) {
      --refused_calls;
      return {grpc::StatusCode::UNAUTHENTICATED, "not this one"};
    }
    announced = *request;
    if (request->cycle() != cycle_) return {grpc::StatusCode::ABORTED, "another cycle began"};
    return AnswerSchema(*request, response);
  }

  v1::TableSchemaRequest Kept() const {
    v1::TableSchemaRequest kept = announced;
    kept.clear_cycle();
    return kept;
  }

  grpc::Status AnswerSchema(const v1::TableSchemaRequest& request, v1::TableSchemaResponse* response) {
    for (const v1::Table& announcement : request.tables()) {
      Table& table = tables[announcement.name()];
      if (!table.known) table.position.set_lsn(-1);
      v1::TableStatus* status = response->add_tables();
      status->set_table(announcement.name());
      status->set_wanted(!unwanted[announcement.name()]);
      status->set_action(table.known ? v1::TABLE_ACTION_UNCHANGED : v1::TABLE_ACTION_CREATED);
      if (actions.count(announcement.name()) != 0) {
        status->set_action(actions[announcement.name()]);
        status->set_reason("because");
      }
      for (int i = 0; i < announcement.columns_size(); ++i) status->add_rules(v1::COLUMN_RULE_PLAIN);
      const bool has_any_key = std::any_of(
          announcement.columns().begin(), announcement.columns().end(),
          [](const auto& column) { return column.key_position() != 0 && column.type() == v1::TYPE_ANY; });
      if (refuses_any_keys && has_any_key) {
        status->set_action(v1::TABLE_ACTION_REFUSED);
        status->set_reason("no key of type ANY is taken.");
      }
      *status->mutable_position() = table.position;
      if (!table.pending.lineage().empty()) *status->mutable_pending() = table.pending;
      status->set_schema_hash("hash of " + announcement.name());
      status->set_row_count(static_cast<std::int64_t>(table.rows));
      table.known = true;
    }
    if (on_schema) return on_schema(response);
    return grpc::Status::OK;
  }

  grpc::Status RowDataStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::RowDataResponse, v1::RowDataRequest>* stream) override {
    {
      const std::lock_guard lock(mutex);
      ++streams;
      Note(*context, "rows");
    }
    v1::RowDataRequest request;
    while (stream->Read(&request)) {
      v1::RowDataResponse response;
      {
        const std::lock_guard lock(mutex);
        if (const grpc::Status status = TakeRows(request, &response); !status.ok()) return status;
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status RowData(grpc::ServerContext* context, const v1::RowDataRequest* request,
                       v1::RowDataResponse* response) override {
    const std::lock_guard lock(mutex);
    Note(*context, "rows");
    grpc::Status status = TakeRows(*request, response);
    if (!status.ok() || !request->has_completed() || ends == Ends::kNever) return status;
    const bool all_good = std::all_of(response->results().begin(), response->results().end(),
                                      [](const v1::BatchResult& result) { return result.code() == 0; });
    if (!all_good && ends != Ends::kAlways) return status;
    log.emplace_back("ended");
    completed = request->completed();
    AnswerCompleted(completed, response->mutable_completed());
    return status;
  }

  grpc::Status TakeRows(const v1::RowDataRequest& request, v1::RowDataResponse* response) {
    ++requests;
    if (request.cycle() != cycle_) return {grpc::StatusCode::ABORTED, "another cycle began"};
    if (on_request) {
      if (const grpc::Status status = on_request(request); !status.ok()) return status;
    }
    for (const v1::ValuePart& part : request.parts()) {
      std::uint64_t& bytes = tables[part.table()].parts[part.value_id()];
      EXPECT_EQ(bytes, part.offset());
      bytes += part.data().size();
    }
    for (const v1::ChangeBatch& batch : request.batches()) Apply(batch, response->add_results());
    return grpc::Status::OK;
  }

  void Apply(const v1::ChangeBatch& batch, v1::BatchResult* result) {
    Table& table = tables[batch.table()];
    result->set_table(batch.table());
    result->set_seq(batch.seq());
    result->set_applied_seq(table.seq);
    const auto refuse = [&](grpc::StatusCode code, const std::string& message) {
      result->set_code(code);
      result->set_message(message);
    };
    if (batch.seq() != table.seq + 1) return refuse(grpc::StatusCode::ABORTED, "gap");
    if (on_batch) {
      if (const grpc::Status status = on_batch(batch); !status.ok()) {
        return refuse(status.error_code(), status.error_message());
      }
    }
    EXPECT_EQ(batch.schema_hash(), "hash of " + batch.table());
    const bool changes = takes_changes && batch.base_lsn() >= 0;
    if (batch.seq() == 1 && changes) {
      EXPECT_EQ(batch.base_lsn(), table.position.lsn());
      table.shadow = table.rows;
    } else if (batch.seq() == 1) {
      EXPECT_EQ(batch.base_lsn(), -1);
      EXPECT_NE(batch.populate(), v1::POPULATE_REASON_UNSPECIFIED);
      reasons[batch.table()] = batch.populate();
      planned[batch.table()] = batch.planned().inserts();
      table.position.set_lsn(-1);
      table.position.clear_lineage();
      table.pending = batch.target();
      table.shadow = 0;
    }
    table.seq = batch.seq();
    if (batch.operation() == v1::OPERATION_DELETE) {
      table.shadow -= batch.row_count();
    } else if (batch.operation() == v1::OPERATION_INSERT) {
      table.shadow += batch.row_count();
    }
    for (const v1::ColumnData& column : batch.columns()) {
      for (const v1::LargeValue& large : column.large())
        EXPECT_EQ(table.parts[large.value_id()], large.size());
    }
    if (batch.has_commit()) {
      EXPECT_EQ(batch.commit().batches(), batch.seq());
      table.position = batch.commit().position();
      table.pending.Clear();
      table.rows = table.shadow;
    }
    result->set_applied_seq(table.seq);
    result->set_lsn(table.position.lsn());
    if (on_result) on_result(batch, result);
  }

  grpc::Status DigestRanges(grpc::ServerContext* context, const v1::DigestRangesRequest* request,
                            v1::DigestRangesResponse* response) override {
    const std::lock_guard lock(mutex);
    Note(*context, "digests");
    if (!on_digests) return {grpc::StatusCode::UNIMPLEMENTED, "of another time"};
    return on_digests(*request, response);
  }

  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    const std::lock_guard lock(mutex);
    Note(*context, "heartbeat");
    if (!on_heartbeat) return {grpc::StatusCode::UNIMPLEMENTED, "of another time"};
    return on_heartbeat(*request, response);
  }

  grpc::Status ReplicationCompleted(grpc::ServerContext* context,
                                    const v1::ReplicationCompletedRequest* request,
                                    v1::ReplicationCompletedResponse* response) override {
    const std::lock_guard lock(mutex);
    Note(*context, "completed");
    completed = *request;
    if (request->cycle() != cycle_) return {grpc::StatusCode::ABORTED, "another cycle began"};
    if (!on_completed.ok()) return on_completed;
    if (at_completion) at_completion();
    AnswerCompleted(*request, response);
    return grpc::Status::OK;
  }

  void AnswerCompleted(const v1::ReplicationCompletedRequest& request,
                       v1::ReplicationCompletedResponse* response) {
    for (const v1::TableSummary& summary : request.tables()) {
      v1::TableVerdict* verdict = response->add_tables();
      verdict->set_table(summary.table());
      if (!summary.has_row_count() && summary.table() != differs) {
        verdict->set_comparison(v1::COMPARISON_UNCHECKED);
        continue;
      }
      const bool equal = tables[summary.table()].rows == summary.row_count() && summary.table() != differs;
      verdict->set_comparison(equal ? v1::COMPARISON_EQUAL : v1::COMPARISON_DIFFERS);
    }
  }

  Identity identity_;
  std::shared_ptr<const SigningKey> key_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::int64_t cycle_ = 1'000;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_FAKE_ENDPOINT_H_
