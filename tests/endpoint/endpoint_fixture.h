#ifndef MIRROR_TESTS_ENDPOINT_ENDPOINT_FIXTURE_H_
#define MIRROR_TESTS_ENDPOINT_ENDPOINT_FIXTURE_H_

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/codec.h"
#include "tests/support/fake_source.h"
#include "tests/support/installation.h"
#include "tests/support/mirror_file.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

inline absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

inline absl::Status StatusOfResult(const v1::BatchResult& result) {
  return absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
}

/// A real server on an installation of its own, with TLS, and hands to call it.
class EndpointTest : public testing::Test {
 protected:
  /// Ends the test when it cannot be made, as value() does: nothing can be tested then.
  void Install(InstallationOptions options = {}) {
    options.bin_dir = BinDir();
    here_ = Installation::Make(options).value();
  }

  void TearDown() override {
    if (HasFailure() && here_) std::cerr << "--- the server's log\n" << here_->ServerLog() << "---\n";
  }

  std::unique_ptr<MirrorClient> Client(const std::string& context_id = "") {
    return here_->Client(context_id).value();
  }

  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() + kPatience);
  }

  // --- One call at a time, by hand ---

  static std::int64_t Begin(MirrorClient& client, const std::string& holder = "hand", bool take_over = true) {
    const absl::StatusOr<v1::AuthenticateResponse> admission = client.Authenticate(holder, take_over, false);
    EXPECT_TRUE(admission.ok()) << admission.status();
    EXPECT_TRUE(admission.ok() && admission->accepted());
    return admission.ok() ? admission->cycle() : 0;
  }

  /// A cycle with nothing in it: from then on the mirror has its file, and what others see of a cycle can be
  /// looked at while it runs.
  static void UseMirror(MirrorClient& client) {
    const std::int64_t cycle = Begin(client);
    Announce(client, cycle, {});
    const absl::Status completed = Complete(client, cycle);
    EXPECT_TRUE(completed.ok()) << completed;
  }

  static v1::TableSchemaRequest Announcement(std::int64_t cycle, const std::vector<TableSchema>& tables) {
    v1::TableSchemaRequest request;
    request.set_cycle(cycle);
    request.set_source_id("by-hand");
    for (const TableSchema& table : tables) EncodeTable(table, request.add_tables());
    return request;
  }

  static std::vector<v1::TableStatus> Announce(MirrorClient& client, std::int64_t cycle,
                                               const std::vector<TableSchema>& tables) {
    const absl::StatusOr<v1::TableSchemaResponse> answer = client.TableSchema(Announcement(cycle, tables));
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return std::vector<v1::TableStatus>(tables.size());
    return {answer->tables().begin(), answer->tables().end()};
  }

  static v1::RowDataRequest Request(std::int64_t cycle, const std::vector<v1::ChangeBatch>& batches) {
    v1::RowDataRequest request;
    request.set_cycle(cycle);
    for (const v1::ChangeBatch& batch : batches) *request.add_batches() = batch;
    return request;
  }

  static v1::ChangeBatch Message(const TableSchema& table, const BatchSpec& spec) {
    return *MakeBatch(table, spec).message;
  }

  /// The result of a batch that goes alone.
  static v1::BatchResult Send(MirrorClient& client, std::int64_t cycle, const v1::ChangeBatch& batch) {
    const absl::StatusOr<v1::RowDataResponse> answer = client.RowData(Request(cycle, {batch}));
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok() || answer->results_size() == 0) return {};
    return answer->results(answer->results_size() - 1);
  }

  /// The whole table in one batch.
  static v1::ChangeBatch Population(const TableSchema& table, const Rows& rows, const Position& target) {
    BatchSpec spec;
    spec.rows = rows;
    spec.populate = PopulateReason::kMinusOne;
    spec.target = target;
    spec.commit = target;
    return Message(table, spec);
  }

  static absl::Status Complete(MirrorClient& client, std::int64_t cycle) {
    v1::ReplicationCompletedRequest request;
    request.set_cycle(cycle);
    return client.ReplicationCompleted(request).status();
  }

  /// A cycle that leaves `table` with these rows at `target`.
  static void Fill(MirrorClient& client, const TableSchema& table, const Rows& rows, const Position& target) {
    const std::int64_t cycle = Begin(client);
    Announce(client, cycle, {table});
    EXPECT_EQ(Send(client, cycle, Population(table, rows, target)).code(), 0);
    EXPECT_THAT(Complete(client, cycle), IsOk());
  }

  /// A cycle of `source` that must end well, and then the mirror equals it row by row.
  FakeCycleReport Mirror(FakeSource& source, MirrorClient& client, const FakeCycleOptions& options = {}) {
    FakeCycleReport report = source.RunCycle(client, options);
    EXPECT_TRUE(report.AllDone()) << report.Summary();
    EXPECT_EQ(Difference(source, here_->mirror(client.context_id())), "") << report.Summary();
    for (const auto& [name, table] : report.tables) {
      if (!table.committed) continue;
      EXPECT_EQ(table.verdict.comparison(), v1::COMPARISON_EQUAL) << table.verdict.reason();
    }
    return report;
  }

  // --- As an operator ---

  /// Waits until an event of this kind is there, counting from `after_id`; gives it. An empty one: it did not
  /// come in time.
  v1::Event WaitForEvent(const std::string& kind, std::uint64_t after_id = 0) {
    const auto stub = here_->Admin(Role::kViewer).value();
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::WatchEventsRequest request;
    request.set_after_id(after_id);
    const auto reader = stub->WatchEvents(&context, request);
    v1::Event event;
    while (reader->Read(&event)) {
      if (event.kind() == kind) break;
      event.Clear();
    }
    context.TryCancel();
    v1::Event rest;
    while (reader->Read(&rest)) {
    }
    EXPECT_EQ(event.kind(), kind);
    return event;
  }

  std::vector<v1::Event> Events(const std::string& kind) {
    const auto stub = here_->Admin(Role::kViewer).value();
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListEventsRequest request;
    request.set_limit(1'000);
    v1::ListEventsResponse response;
    EXPECT_TRUE(stub->ListEvents(&context, request, &response).ok());
    std::vector<v1::Event> events;
    for (const v1::Event& event : response.events()) {
      if (event.kind() == kind) events.push_back(event);
    }
    return events;
  }

  std::unique_ptr<Installation> here_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_ENDPOINT_ENDPOINT_FIXTURE_H_
