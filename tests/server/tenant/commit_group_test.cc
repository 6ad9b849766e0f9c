// Requests of one tenant that come while another is being committed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/tenant/mirror/commit_queue.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/held_store.h"

namespace mirror::commit_group_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

class CommitGroupTest : public TenantBench {
 protected:
  CommitGroupTest() {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<HeldStore>(std::move(store), gate_);
    };
  }

  static std::string Name(int i) { return "people" + std::to_string(i); }

  /// Tables people0, people1, ... with {1, "Ada", 36} at LSN 5, announced in a cycle that runs.
  void BeginWith(int tables) {
    for (int i = 0; i < tables; ++i) tables_.push_back(People(Name(i)));
    source_->Begin();
    ASSERT_THAT(source_->Announce(tables_), IsOk());
    for (const TableSchema& table : tables_) source_->Populate(table, {{1, "Ada", 36}}, kFive);
    ASSERT_THAT(source_->Complete(), IsOk());
    source_->Begin();
    ASSERT_THAT(source_->Announce(tables_), IsOk());
  }

  static BatchSpec Rows5(Rows rows, std::uint64_t seq = 1, std::optional<Position> commit = {}) {
    return {.rows = std::move(rows), .seq = seq, .base_lsn = 5, .target = kTen, .commit = std::move(commit)};
  }
  /// An UPDATE of a row that is not there.
  static BatchSpec Missing(std::uint64_t seq = 1) {
    return {.operation = Operation::kUpdate,
            .rows = {{77, 1}},
            .columns = {"id", "age"},
            .seq = seq,
            .base_lsn = 5,
            .target = kTen};
  }

  /// Sends on a thread of its own and returns once the request waits behind those sent before.
  std::future<RowAnswer> SendAndWait(const std::vector<TestBatch>& batches, std::uint64_t bytes = 0) {
    const std::size_t before = tenant_->waiting_requests();
    auto sent = std::async(std::launch::async, [this, batches, bytes] {
      RowRequest request;
      request.cycle = source_->cycle;
      request.bytes = bytes;
      for (const TestBatch& made : batches) {
        request.batches.push_back({made.schema->name, made.message_seq(), made.schema, made.batch});
      }
      return tenant_->Apply(source_->caller, request, false, source_->now);
    });
    while (tenant_->waiting_requests() == before) std::this_thread::yield();
    return sent;
  }
  std::future<RowAnswer> SendAndWait(int table, const BatchSpec& spec, std::uint64_t bytes = 0) {
    return SendAndWait({MakeBatch(tables_[static_cast<std::size_t>(table)], spec)}, bytes);
  }
  /// A request that stands in its commit until the gate is opened.
  std::future<RowAnswer> HoldOne(int table) {
    gate_.Close();
    auto first = std::async(std::launch::async, [this, table] {
      return source_->Apply(MakeBatch(tables_[static_cast<std::size_t>(table)], Rows5({{100, "first", 1}})));
    });
    EXPECT_TRUE(gate_.WaitUntilHeld());
    return first;
  }
  /// The status of the only batch.
  static absl::Status StatusOf(std::future<RowAnswer>& sent) {
    const RowAnswer answer = sent.get();
    if (!answer.ok()) return answer.status();
    return answer->size() == 1 ? answer->front().status : absl::InternalError("not one outcome");
  }

  CommitGate gate_;
  std::vector<TableSchema> tables_;
};

TEST_F(CommitGroupTest, RequestsThatWaitShareOneCommitAndEachHasItsAnswer) {
  BeginWith(21);
  auto first = HoldOne(20);
  const int before = gate_.commits();
  std::vector<std::future<RowAnswer>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(SendAndWait(i, Rows5({{2, "row", i}}, 1, kTen)));

  gate_.Open();

  EXPECT_THAT(StatusOf(first), IsOk());
  for (int i = 0; i < 20; ++i) {
    const RowAnswer answer = waiting[static_cast<std::size_t>(i)].get();
    ASSERT_THAT(answer, IsOk());
    ASSERT_THAT(*answer, SizeIs(1));
    EXPECT_EQ(answer->front().table, Name(i));
    EXPECT_THAT(answer->front().status, IsOk());
    EXPECT_TRUE(answer->front().durable);
    EXPECT_EQ(answer->front().applied_seq, 1U);
    EXPECT_EQ(answer->front().lsn, Lsn{10});
    EXPECT_EQ(Visible(tables_[static_cast<std::size_t>(i)]), (Rows{{1, "Ada", 36}, {2, "row", i}}));
  }
  EXPECT_EQ(gate_.commits(), before + 1);
}

TEST_F(CommitGroupTest, BatchesOfOneTableFromSeveralRequestsGoTogetherInTheirOrder) {
  BeginWith(2);
  auto first = HoldOne(1);
  const int before = gate_.commits();
  auto one = SendAndWait(0, Rows5({{2, "one", 1}}));
  auto two = SendAndWait(0, Rows5({{2, "two", 2}}, 2));
  auto gap = SendAndWait(0, Rows5({{2, "four", 4}}, 4));
  auto three = SendAndWait(0, Rows5({{3, "three", 3}}, 3, kTen));

  gate_.Open();

  const RowAnswer of_one = one.get();
  ASSERT_THAT(of_one, IsOk());
  EXPECT_THAT(of_one->front().status, IsOk());
  EXPECT_EQ(of_one->front().applied_seq, 1U) << "as if it had been committed before the others";
  EXPECT_EQ(of_one->front().lsn, Lsn{5});
  EXPECT_THAT(StatusOf(two), IsOk());
  EXPECT_THAT(StatusOf(gap), StatusIs(kAborted, HasSubstr("2 is the last that was applied")));
  EXPECT_THAT(StatusOf(three), IsOk());
  EXPECT_EQ(gate_.commits(), before + 1);
  EXPECT_EQ(Visible(tables_[0]), (Rows{{1, "Ada", 36}, {2, "two", 2}, {3, "three", 3}}));
  EXPECT_EQ(Metadata("lsn", Name(0)), Cell(10));
}

TEST_F(CommitGroupTest, ARefusedRequestHarmsNoOtherTableAndAbortsWhatFollowsInItsOwn) {
  BeginWith(3);
  auto first = HoldOne(2);
  auto refused = SendAndWait(0, Missing());
  auto behind = SendAndWait(0, Rows5({{2, "behind", 1}}, 2, kTen));
  auto repeated = SendAndWait(0, Missing());
  auto other = SendAndWait(1, Rows5({{2, "other", 1}}, 1, kTen));

  gate_.Open();

  EXPECT_THAT(StatusOf(refused), StatusIs(kFailedPrecondition));
  EXPECT_THAT(StatusOf(behind), StatusIs(kAborted, HasSubstr("refused")));
  EXPECT_THAT(StatusOf(repeated), StatusIs(kAborted, HasSubstr("refused")))
      << "what was never applied must not be acknowledged as repeated";
  EXPECT_THAT(StatusOf(other), IsOk());
  EXPECT_EQ(Visible(tables_[0]), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Visible(tables_[1]), (Rows{{1, "Ada", 36}, {2, "other", 1}}));
  EXPECT_THAT(source_->Send(tables_[0], Rows5({{2, "again", 1}})).status, IsOk());
}

TEST_F(CommitGroupTest, ARepetitionBehindItsOwnFirstSendingIsAcknowledgedWithIt) {
  BeginWith(2);
  auto first = HoldOne(1);
  auto sent = SendAndWait(0, Rows5({{2, "once", 1}}));
  auto again = SendAndWait(0, Rows5({{2, "once", 1}}));

  gate_.Open();

  EXPECT_THAT(StatusOf(sent), IsOk());
  const RowAnswer answer = again.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT(answer->front().status, IsOk());
  EXPECT_TRUE(answer->front().repeated);
}

TEST_F(CommitGroupTest, AnAdvanceBehindARefusedBatchIsRefused) {
  BeginWith(2);
  auto first = HoldOne(1);
  BatchSpec wrong = Rows5({{2, "x", 1}});
  wrong.base_lsn = 4;
  auto refused = SendAndWait(0, wrong);
  auto advance = std::async(std::launch::async, [this] {
    RowRequest request;
    request.cycle = source_->cycle;
    request.advance = IncomingAdvance{kTen, {{Name(0), Lsn{5}}}};
    return tenant_->Apply(source_->caller, request, false, source_->now);
  });
  while (tenant_->waiting_requests() < 2) std::this_thread::yield();

  gate_.Open();

  EXPECT_THAT(StatusOf(refused), StatusIs(kFailedPrecondition));
  EXPECT_THAT(StatusOf(advance), StatusIs(kFailedPrecondition, HasSubstr("batches of its own")));
  EXPECT_EQ(Metadata("lsn", Name(0)), Cell(5));
}

TEST_F(CommitGroupTest, ADiskErrorIsAnsweredToAllAndNothingIsApplied) {
  BeginWith(3);
  auto first = HoldOne(2);
  auto one = SendAndWait(0, Rows5({{2, "x", 1}}, 1, kTen));
  auto two = SendAndWait(1, Rows5({{2, "x", 1}}, 1, kTen));
  gate_.Fail(absl::UnavailableError("the disk is full"));

  gate_.Open();

  EXPECT_THAT(StatusOf(first), StatusIs(kUnavailable));
  EXPECT_THAT(StatusOf(one), StatusIs(kUnavailable, HasSubstr("full")));
  EXPECT_THAT(StatusOf(two), StatusIs(kUnavailable, HasSubstr("full")));
  gate_.Fail(absl::OkStatus());
  EXPECT_THAT(source_->Send(tables_[0], Rows5({{2, "x", 1}}, 1, kTen)).status, IsOk());
  EXPECT_EQ(Visible(tables_[1]), (Rows{{1, "Ada", 36}}));
}

TEST_F(CommitGroupTest, ARequestOfAnotherCycleIsRefusedAloneAndTheOthersAreCommitted) {
  BeginWith(3);
  auto first = HoldOne(2);
  auto good = SendAndWait(0, Rows5({{2, "x", 1}}, 1, kTen));
  auto late = std::async(std::launch::async, [this] {
    RowRequest request;
    request.cycle = source_->cycle - 1;
    return tenant_->Apply(source_->caller, request, false, source_->now);
  });
  while (tenant_->waiting_requests() < 2) std::this_thread::yield();
  Caller stranger = source_->caller;
  stranger.issuer = "another";
  auto strange = std::async(std::launch::async, [this, &stranger] {
    RowRequest request;
    request.cycle = source_->cycle;
    return tenant_->Apply(stranger, request, false, source_->now);
  });
  while (tenant_->waiting_requests() < 3) std::this_thread::yield();

  gate_.Open();

  EXPECT_THAT(StatusOf(good), IsOk());
  EXPECT_THAT(late.get(), StatusIs(kAborted));
  EXPECT_THAT(strange.get(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(CommitGroupTest, LargeRequestsOfOthersAreCommittedAlone) {
  BeginWith(5);
  auto first = HoldOne(4);
  const int before = gate_.commits();
  auto small = SendAndWait(0, Rows5({{2, "x", 1}}), 100);
  auto large = SendAndWait(1, Rows5({{2, "x", 1}}), kGroupedRequestBytesMax + 1);
  auto behind = SendAndWait(2, Rows5({{2, "x", 1}}), 100);
  auto last = SendAndWait(3, Rows5({{2, "x", 1}}), 100);

  gate_.Open();

  for (auto* const sent : {&small, &large, &behind, &last}) EXPECT_THAT(StatusOf(*sent), IsOk());
  EXPECT_EQ(gate_.commits(), before + 3) << "one, the large one, and two together";
}

TEST_F(CommitGroupTest, LargeRequestsOfOneStreamShareACommit) {
  BeginWith(4);
  auto first = HoldOne(3);
  const int before = gate_.commits();
  auto stream = std::async(std::launch::async, [this] {
    std::vector<TestBatch> made;
    std::vector<RowRequest> requests(3);
    std::vector<const RowRequest*> sent;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      made.push_back(MakeBatch(tables_[i], Rows5({{2, "x", 1}})));
      requests[i].cycle = source_->cycle;
      requests[i].bytes = kGroupBytesMax / 2;
      requests[i].batches.push_back({Name(static_cast<int>(i)), 1, made[i].schema, made[i].batch});
      sent.push_back(&requests[i]);
    }
    return tenant_->ApplyAll(source_->caller, sent, source_->now);
  });
  while (tenant_->waiting_requests() < 3) std::this_thread::yield();

  gate_.Open();

  const std::vector<RowAnswer> answers = stream.get();
  ASSERT_THAT(answers, SizeIs(3));
  for (const RowAnswer& answer : answers) {
    ASSERT_THAT(answer, IsOk());
    ASSERT_THAT(*answer, SizeIs(1));
    EXPECT_THAT(answer->front().status, IsOk());
  }
  EXPECT_THAT(StatusOf(first), IsOk());
  EXPECT_EQ(gate_.commits(), before + 2) << "two together, and what would have been over the bytes";
}

TEST_F(CommitGroupTest, AGroupHasAtMostSoManyBytes) {
  BeginWith(11);
  auto first = HoldOne(10);
  const int before = gate_.commits();
  std::vector<std::future<RowAnswer>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(SendAndWait(i, Rows5({{2, "x", 1}}), 256 << 10));

  gate_.Open();

  for (auto& sent : waiting) EXPECT_THAT(StatusOf(sent), IsOk());
  EXPECT_EQ(gate_.commits(), before + 2) << "eight of a quarter of a megabyte, then two";
}

TEST_F(CommitGroupTest, TheNextRequestIsDecodedWhileOneIsBeingCommitted) {
  BeginWith(2);
  ASSERT_THAT(tenant_->Agreed(source_->caller, Name(0), ""), IsOk());
  auto first = HoldOne(1);

  const absl::StatusOr<AgreedTable> agreed = tenant_->Agreed(source_->caller, Name(0), "");

  ASSERT_THAT(agreed, IsOk());
  EXPECT_EQ(agreed->hash, SchemaHash(tables_[0]));
  gate_.Open();
  EXPECT_THAT(StatusOf(first), IsOk()) << "the look did not wait for this commit";
}

TEST_F(CommitGroupTest, ABatchThatWasDecodedByAnotherDefinitionIsRefused) {
  BeginWith(1);
  const TestBatch made = MakeBatch(tables_[0], Rows5({{2, "x", 1}}));
  RowRequest request;
  request.cycle = source_->cycle;
  request.batches.push_back({Name(0), 1, made.schema, made.batch, "the hash of a former definition"});

  const RowAnswer answer = tenant_->Apply(source_->caller, request, false, source_->now);

  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT(answer->front().status, StatusIs(kFailedPrecondition, HasSubstr("another definition")));
}

// --- Against the same requests one by one ---

/// What one source sends of one table: each batch with what it must be answered.
struct Sent {
  BatchSpec spec;
  absl::StatusCode code = absl::StatusCode::kOk;
};

std::vector<Sent> MakeRun(std::mt19937_64& random) {
  std::vector<Sent> run;
  const std::uint64_t batches = 5 + random() % 20;
  for (std::uint64_t seq = 1; seq <= batches; ++seq) {
    const auto key = static_cast<int>(2 + random() % 10);
    const auto age = static_cast<int>(random() % 100);
    BatchSpec spec = {.rows = {{key, "row", age}}, .seq = seq, .base_lsn = 5, .target = kTen};
    if (seq == batches) spec.commit = kTen;
    if (random() % 4 == 0) {
      spec.operation = Operation::kDelete;
      spec.rows = {{key}};
    }
    if (random() % 5 == 0) {
      BatchSpec missing = {.operation = Operation::kUpdate,
                           .rows = {{77, 1}},
                           .columns = {"id", "age"},
                           .seq = seq,
                           .base_lsn = 5,
                           .target = kTen};
      run.push_back({missing, kFailedPrecondition});
    }
    if (random() % 6 == 0) {
      BatchSpec gap = spec;
      gap.seq = seq + 1;
      gap.commit.reset();
      run.push_back({gap, kAborted});
    }
    run.push_back({spec, absl::StatusCode::kOk});
    if (random() % 4 == 0) run.push_back({spec, absl::StatusCode::kOk});  // Its answer was lost.
  }
  return run;
}

TEST_F(CommitGroupTest, ManySourcesAtOnceLeaveWhatTheSameRequestsLeaveOneByOne) {
  constexpr int kTables = 12;
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  BeginWith(kTables + 1);
  std::vector<std::vector<Sent>> runs;
  std::size_t requests = 0;
  for (int i = 0; i < kTables; ++i) {
    runs.push_back(MakeRun(random));
    requests += runs.back().size();
  }
  auto first = HoldOne(kTables);
  const int before = gate_.commits();
  std::vector<std::thread> sources;
  for (int i = 0; i < kTables; ++i) {
    sources.emplace_back([&, i] {
      const TableSchema& table = tables_[static_cast<std::size_t>(i)];
      for (const Sent& sent : runs[static_cast<std::size_t>(i)]) {
        const auto outcomes = source_->Apply(MakeBatch(table, sent.spec));
        EXPECT_THAT(outcomes, IsOk());
        EXPECT_EQ(outcomes->front().status.code(), sent.code)
            << table.name << " " << sent.spec.seq << ": " << outcomes->front().status;
      }
    });
  }
  while (tenant_->waiting_requests() < kTables) std::this_thread::yield();
  gate_.Open();
  for (std::thread& source : sources) source.join();
  EXPECT_THAT(StatusOf(first), IsOk());
  EXPECT_LT(gate_.commits() - before, static_cast<int>(requests));
  EXPECT_THAT(source_->Complete(), IsOk());

  ScratchFolder plain_folder;
  Tenant plain_tenant(
      "ctx", [&](bool create) { return OpenSqliteStore(plain_folder.path(), "ctx", create, sqlite_); },
      options_, events_, [](Tenant&) {});
  SourceCalls plain(plain_tenant, "ctx");
  plain.Begin();
  ASSERT_THAT(plain.Announce(tables_), IsOk());
  for (const TableSchema& table : tables_) plain.Populate(table, {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(plain.Complete(), IsOk());
  plain.Begin();
  ASSERT_THAT(plain.Announce(tables_), IsOk());
  for (int i = 0; i < kTables; ++i) {
    const TableSchema& table = tables_[static_cast<std::size_t>(i)];
    for (const Sent& sent : runs[static_cast<std::size_t>(i)]) {
      EXPECT_EQ(plain.Send(table, sent.spec).status.code(), sent.code);
    }
    EXPECT_EQ(Visible(table), ReadMirror(SqlitePath(plain_folder.path(), "ctx"), table));
  }
}

}  // namespace
}  // namespace mirror::commit_group_test
