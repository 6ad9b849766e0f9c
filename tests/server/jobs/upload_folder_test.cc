
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "server/jobs/uploads.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::upload_folder_test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class UploadFolderTest : public testing::Test {
 protected:
  std::string Name() {
    const absl::StatusOr<std::string> name = NameUploadFolder(path_);
    EXPECT_THAT(name.status(), IsOk());
    return name.value_or("");
  }
  ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/data/.uploads";
};

TEST_F(UploadFolderTest, ItsNameStaysAndIsNobodyElses) {
  const std::string name = Name();
  EXPECT_THAT(name, SizeIs(12));
  EXPECT_EQ(Name(), name);
  EXPECT_NE(NameUploadFolder(folder_.path() + "/other").value_or(""), name);
  std::ofstream(path_ + "/server") << "no name";
  EXPECT_NE(Name(), name) << "what says nothing takes another one";
  EXPECT_THAT(Name(), SizeIs(12));
}

TEST_F(UploadFolderTest, AnUploadsIdSaysIt) {
  const std::string name = Name();
  const std::string id = NewUploadId(name);
  EXPECT_EQ(FolderOfUpload(id), name);
  EXPECT_NE(NewUploadId(name), id);
  EXPECT_THAT(FolderOfUpload(NewUploadId("")), IsEmpty()) << "the only server has none";
  for (const char* const other : {"", "-", "abc-def", "0123456789ab", "0123456789xy-0123", "../etc-x"}) {
    EXPECT_THAT(FolderOfUpload(other), IsEmpty()) << other;
  }
}

TEST_F(UploadFolderTest, TheNoteOutlivesTheLookAtWhatIsLeft) {
  const std::string name = Name();
  Uploads uploads(path_, {.free_bytes_min = 0}, name);
  EXPECT_THAT(uploads.Open().status(), IsOk());
  EXPECT_EQ(Name(), name);
  const auto upload = uploads.Expect("key", "a.csv", 1);
  ASSERT_THAT(upload.status(), IsOk());
  EXPECT_EQ(FolderOfUpload(upload->id), name);
}

}  // namespace
}  // namespace mirror::upload_folder_test
