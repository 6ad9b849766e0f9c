#include "server/jobs/rejects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/storages/storages_bench.h"

namespace mirror::rejects_test {
namespace {

using testing::IsEmpty;

constexpr char kJob[] = "Acme-000000000001", kNextJob[] = "Acme-000000000002";
constexpr char kHead[] = "line,externalId,message,row\n";

class RejectsTest : public StoragesBench {
 protected:
  RejectsTest() {
    Make("Acme");
    tenant_ = Find("Acme");
  }
  void Change(std::vector<DocumentChange> changes) {
    EXPECT_THAT(tenant_->ChangeDocuments([&](StoreRecords&) { return changes; }, 1), IsOk());
  }
  void Write(const std::string& job, std::uint64_t count) {
    std::vector<DocumentChange> changes;
    for (std::uint64_t n = 0; n < count; ++n) {
      changes.push_back({kRejectKind, RejectId(job, n),
                         RejectText({.line = n + 2,
                                     .external_id = absl::StrCat("id \"", n, "\""),
                                     .message = "no",
                                     .raw = "a;b"})});
    }
    Change(changes);
  }
  /// As Write() has it.
  static std::string Csv(std::uint64_t count) {
    std::string csv = kHead;
    for (std::uint64_t n = 0; n < count; ++n)
      absl::StrAppend(&csv, n + 2, ",\"id \"\"", n, "\"\"\",\"no\",\"a;b\"\n");
    return csv;
  }
  std::string ReadAll(std::size_t* longest = nullptr) {
    const auto source = StreamRejects(tenant_, kJob);
    EXPECT_THAT(source.status(), IsOk());
    std::string all, piece;
    for (bool has_more = true; has_more;) {
      const auto next = (*source)->Next(&piece);
      EXPECT_THAT(next.status(), IsOk());
      has_more = next.ok() && *next;
      all += piece;
      if (longest != nullptr) *longest = std::max(*longest, piece.size());
    }
    return all;
  }

  std::shared_ptr<Tenant> tenant_;
};

TEST_F(RejectsTest, AllOfTheJobComeOnceHoweverManyTheyAre) {
  EXPECT_EQ(ReadAll(), kHead);
  Write(kNextJob, 60);
  EXPECT_EQ(ReadAll(), kHead) << "those of another job are not its own";
  for (const std::uint64_t count : {1, 49, 50, 51, 100, 101, 1'234}) {
    Write(kJob, count);
    EXPECT_EQ(ReadAll(), Csv(count)) << count;
  }
}

TEST_F(RejectsTest, NoMoreThanAFewOfThemAreInMemory) {
  Write(kJob, 1'000);
  std::size_t longest = 0;
  const std::string all = ReadAll(&longest);
  EXPECT_LT(longest, all.size() / 10);
}

TEST_F(RejectsTest, ThoseThatAreDeletedMeanwhileAreLeftOut) {
  Write(kJob, 200);
  RejectReading reading(tenant_, kJob);
  auto first = reading.Next();
  ASSERT_THAT(first.status(), IsOk());
  const std::uint64_t read = first->size();
  ASSERT_LT(read, 100U);
  // The last one that was read, and the next one.
  Change({{kRejectKind, RejectId(kJob, read - 1), ""}, {kRejectKind, RejectId(kJob, read), ""}});
  std::vector<std::uint64_t> lines;
  for (auto next = reading.Next(); next.ok() && !next->empty(); next = reading.Next()) {
    for (const Reject& reject : *next) lines.push_back(reject.line);
  }
  ASSERT_EQ(lines.size(), 200 - read - 1);
  EXPECT_EQ(lines.front(), read + 3);
  EXPECT_EQ(lines.back(), 201U);
  const auto after = reading.Next();
  ASSERT_THAT(after.status(), IsOk());
  EXPECT_THAT(*after, IsEmpty());
}

}  // namespace
}  // namespace mirror::rejects_test
