#include "server/jobs/uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/status_matchers.h"

namespace mirror::uploads_test {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class UploadsTest : public testing::Test {
 protected:
  UploadsTest() {
    fs::remove_all(folder_);
    EXPECT_THAT(uploads_.Open(), IsOk());
  }
  ~UploadsTest() override { fs::remove_all(folder_); }

  /// The id of one that was sent.
  std::string Send() {
    const auto expected = uploads_.Expect("key", "partners.csv", 1'000);
    EXPECT_THAT(expected, IsOk());
    const auto sink = uploads_.Receive(expected->secret, 1'000);
    EXPECT_THAT(sink, IsOk());
    EXPECT_THAT((*sink)->Write("BP_EXTERNAL_ID\n1\n"), IsOk());
    EXPECT_THAT((*sink)->Finish(1'000), IsOk());
    return expected->id;
  }

  const std::string folder_ = testing::TempDir() + "uploads_test-" + std::to_string(getpid());
  Uploads uploads_{folder_, {.free_bytes_min = 0}};
};

TEST_F(UploadsTest, WhereLessIsFreeThanHasToStayNothingIsTaken) {
  const std::string id = Send();
  Uploads full(folder_, {.free_bytes_min = std::numeric_limits<std::uint64_t>::max()});
  ASSERT_THAT(full.Open(), IsOk());
  EXPECT_THAT(full.Expect("key", "partners.csv", 2'000),
              StatusIs(StatusCode::kUnavailable, HasSubstr("Nothing was kept of this file")));
  EXPECT_THAT(full.TakeFor("job-1", "key", id), IsOk()) << "what is there can still be imported";
}

TEST_F(UploadsTest, OneThatWasNotTakenAsTheDiskRefusedIsThereForTheNextJob) {
  const std::string id = Send(), note = folder_ + "/" + id + ".json";
  fs::remove(note);
  fs::create_directories(note + "/in the way");
  EXPECT_THAT(uploads_.TakeFor("job-1", "key", id), StatusIs(StatusCode::kUnavailable));
  fs::remove_all(note);
  EXPECT_THAT(uploads_.TakeFor("job-2", "key", id), IsOk());
  EXPECT_THAT(uploads_.TakeFor("job-3", "key", id), StatusIs(StatusCode::kNotFound));
}

TEST_F(UploadsTest, OneThatIsGivenBackIsThereForTheNextJobAlsoBehindARestart) {
  const std::string id = Send();
  ASSERT_THAT(uploads_.TakeFor("job-1", "key", id), IsOk());
  uploads_.GiveBack("job-2", id);
  EXPECT_THAT(uploads_.TakeFor("job-3", "key", id), StatusIs(StatusCode::kNotFound)) << "it is job-1's";
  uploads_.GiveBack("job-1", id);
  Uploads next(folder_, {.free_bytes_min = 0});
  EXPECT_THAT(next.Open(), IsOkAndHolds(testing::IsEmpty()));
  ASSERT_TRUE(next.Find(id));
  EXPECT_THAT(next.TakeFor("job-2", "key", id), IsOk());
  EXPECT_TRUE(fs::exists(next.PathOf(id)));
}

TEST_F(UploadsTest, OneThatCameWithAJobThatWasNotMadeIsGoneBehindARestart) {
  std::string id, taken;
  for (std::string* const one : {&id, &taken}) {
    const auto sink = uploads_.ReceiveOwn("key", "partners.csv", 1'000, 1'000, one);
    ASSERT_THAT(sink, IsOk());
    ASSERT_THAT((*sink)->Write("BP_EXTERNAL_ID\n1\n"), IsOk());
    ASSERT_THAT((*sink)->Finish(1'000), IsOk());
  }
  ASSERT_THAT(uploads_.TakeFor("job-1", "key", taken), IsOk());
  Uploads next(folder_, {.free_bytes_min = 0});
  EXPECT_THAT(next.Open(), IsOkAndHolds(testing::SizeIs(1)));
  EXPECT_FALSE(next.Find(id));
  EXPECT_FALSE(fs::exists(next.PathOf(id)));
  EXPECT_TRUE(fs::exists(next.PathOf(taken)));
}

TEST_F(UploadsTest, OneIsOfItsKeyAlone) {
  const std::string id = Send();
  EXPECT_THAT(uploads_.TakeFor("job-1", "other", id), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(uploads_.TakeFor("job-1", "key", id), IsOk());
}

TEST_F(UploadsTest, AKeyAnnouncesSoManyAndLocksOutNobody) {
  DoorCounters counters;
  Uploads uploads(folder_, {.free_bytes_min = 0, .key_announced_max = 3, .kept_ms = 1'000}, "", counters);
  ASSERT_THAT(uploads.Open(), IsOk());
  std::string secret;
  for (int i = 0; i < 3; ++i) {
    const auto expected = uploads.Expect("key", "a.csv", 1'000);
    ASSERT_THAT(expected, IsOk());
    secret = expected->secret;
  }
  EXPECT_THAT(uploads.Expect("key", "a.csv", 1'000), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(uploads.Expect("other", "a.csv", 1'000), IsOk());
  // One that is sent makes room, and so does time.
  EXPECT_THAT(uploads.Receive(secret, 1'000), IsOk());
  EXPECT_THAT(uploads.Expect("key", "a.csv", 1'000), IsOk());
  EXPECT_THAT(uploads.Expect("key", "a.csv", 1'000), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(uploads.Expect("key", "a.csv", 2'001), IsOk());
  EXPECT_EQ(counters.limited[static_cast<std::size_t>(DoorLimit::kLinksPerKey)].value(), 2U);
  EXPECT_EQ(counters.limited[static_cast<std::size_t>(DoorLimit::kUploadsPerKey)].value(), 0U);
}

TEST_F(UploadsTest, TimeBeginsAnewWhenTheFileIsWhole) {
  Uploads uploads(folder_, {.free_bytes_min = 0, .kept_ms = 1'000});
  ASSERT_THAT(uploads.Open(), IsOk());
  const auto expected = uploads.Expect("key", "a.csv", 1'000);
  ASSERT_THAT(expected, IsOk());
  {
    const auto sink = uploads.Receive(expected->secret, 1'900);
    ASSERT_THAT(sink, IsOk());
    ASSERT_THAT((*sink)->Write("BP_EXTERNAL_ID\n1\n"), IsOk());
    uploads.KeepHouse(2'500);
    ASSERT_THAT((*sink)->Finish(2'800), IsOk());
  }
  uploads.KeepHouse(3'800);
  EXPECT_TRUE(uploads.Find(expected->id));
  // As another process finds it.
  Uploads next(folder_, {.free_bytes_min = 0, .kept_ms = 1'000});
  EXPECT_THAT(next.Open(), IsOk());
  next.KeepHouse(3'800);
  EXPECT_TRUE(next.Find(expected->id));
  next.KeepHouse(3'801);
  EXPECT_FALSE(next.Find(expected->id));
  EXPECT_FALSE(fs::exists(next.PathOf(expected->id)));
}

TEST_F(UploadsTest, WhatCannotBeReadAtTheStartStaysAndIsTold) {
  const std::string closed = Send(), job = Send(), cut_off = Send(), lost = Send();
  const std::string note_ending = ".json", note = folder_ + "/" + closed + note_ending;
  // A secret that others may read is not read, whoever asks.
  fs::permissions(note, fs::perms(0644));
  // And a file that cannot be looked at: a link to itself.
  fs::remove(uploads_.PathOf(job));
  fs::create_symlink(uploads_.PathOf(job), uploads_.PathOf(job));
  std::ofstream(folder_ + "/" + cut_off + note_ending) << "{\"key\":";
  fs::remove(uploads_.PathOf(lost));
  Uploads next(folder_, {.free_bytes_min = 0});
  EXPECT_THAT(next.Open(), IsOk());
  EXPECT_THAT(next.unread(), UnorderedElementsAre(Pair(closed, HasSubstr(note)), Pair(job, HasSubstr(job))));
  EXPECT_FALSE(next.Find(closed));
  EXPECT_TRUE(fs::exists(next.PathOf(closed)));
  EXPECT_TRUE(fs::exists(note));
  for (const std::string& id : {cut_off, lost}) {
    EXPECT_FALSE(fs::exists(next.PathOf(id)));
    EXPECT_FALSE(fs::exists(folder_ + "/" + id + note_ending));
  }
  fs::permissions(note, fs::perms(0600));
  Uploads after(folder_, {.free_bytes_min = 0});
  EXPECT_THAT(after.Open(), IsOk());
  EXPECT_TRUE(after.Find(closed)) << "it was put right";
}

TEST_F(UploadsTest, AFolderThatCannotBeReadIsAnError) {
  const std::string folder = folder_ + "/no folder";
  std::ofstream(folder) << "x";
  EXPECT_THAT(Uploads(folder, {}).Open(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(UploadsTest, OfTwoThatChangeOneTheNoteSaysWhatIsSo) {
  const std::string id = Send();
  for (int round = 0; round < 50; ++round) {
    ASSERT_THAT(uploads_.TakeFor("job-1", "key", id), IsOk());
    std::thread back([&] { uploads_.GiveBack("job-1", id); });
    while (!uploads_.TakeFor("job-2", "key", id).ok()) std::this_thread::yield();
    back.join();
    Uploads next(folder_, {.free_bytes_min = 0});
    const auto taken = next.Open();
    ASSERT_THAT(taken.status(), IsOk());
    ASSERT_EQ(taken->size(), 1U);
    EXPECT_EQ(taken->front().job, "job-2");
    uploads_.GiveBack("job-2", id);
  }
}

TEST_F(UploadsTest, ANameThatIsNoTextIsKept) {
  std::string id;
  {
    const auto sink = uploads_.ReceiveOwn("key", "M\xFCller.csv", 1'000, 1'000, &id);
    ASSERT_THAT(sink, IsOk());
    ASSERT_THAT((*sink)->Finish(1'000), IsOk());
  }
  ASSERT_THAT(uploads_.TakeFor("job-1", "key", id), IsOk());
  Uploads next(folder_, {.free_bytes_min = 0});
  EXPECT_THAT(next.Open(), IsOkAndHolds(testing::SizeIs(1)));
}

}  // namespace
}  // namespace mirror::uploads_test
