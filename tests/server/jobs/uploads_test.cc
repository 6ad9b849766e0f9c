#include "server/jobs/uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

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
    EXPECT_THAT((*sink)->Finish(), IsOk());
    return expected->id;
  }

  const std::string folder_ = testing::TempDir() + "uploads_test-" + std::to_string(getpid());
  Uploads uploads_{folder_, {}};
};

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
  Uploads next(folder_, {});
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
    ASSERT_THAT((*sink)->Finish(), IsOk());
  }
  ASSERT_THAT(uploads_.TakeFor("job-1", "key", taken), IsOk());
  Uploads next(folder_, {});
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
  Uploads uploads(folder_, {.key_announced_max = 3, .kept_ms = 1'000});
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
}

TEST_F(UploadsTest, ANameThatIsNoTextIsKept) {
  std::string id;
  {
    const auto sink = uploads_.ReceiveOwn("key", "M\xFCller.csv", 1'000, 1'000, &id);
    ASSERT_THAT(sink, IsOk());
    ASSERT_THAT((*sink)->Finish(), IsOk());
  }
  ASSERT_THAT(uploads_.TakeFor("job-1", "key", id), IsOk());
  Uploads next(folder_, {});
  EXPECT_THAT(next.Open(), IsOkAndHolds(testing::SizeIs(1)));
}

}  // namespace
}  // namespace mirror
