#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/http/multipart.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_multipart_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class KeptFile : public HttpBodySink {
 public:
  absl::Status Write(std::string_view piece) override {
    bytes.append(piece);
    return refusal;
  }
  std::string bytes;
  absl::Status refusal;
};

/// A form that is read in pieces of so many bytes.
struct ReadForm {
  ReadForm(const std::string& body, std::size_t piece, const MultipartLimits& limits = {},
           absl::Status refusal = {}) {
    file->refusal = std::move(refusal);
    MultipartSink sink("b0undary", limits, file, form);
    for (std::size_t at = 0; at < body.size() && status.ok(); at += piece) {
      status = sink.Write(std::string_view(body).substr(at, piece));
    }
    if (!status.ok()) {
      EXPECT_EQ(sink.Write("more"), status);
    }
  }
  std::shared_ptr<KeptFile> file = std::make_shared<KeptFile>();
  std::shared_ptr<MultipartForm> form = std::make_shared<MultipartForm>();
  absl::Status status;
};

std::string Part(const std::string& header, const std::string& content) {
  return absl::StrCat("--b0undary\r\n", header, "\r\n\r\n", content, "\r\n");
}
std::string Field(const std::string& name, const std::string& content) {
  return Part(absl::StrCat("Content-Disposition: form-data; name=\"", name, "\""), content);
}
std::string FilePart(const std::string& content) {
  return Part(
      "content-disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".csv\"\r\nContent-Type: text/csv",
      content);
}
constexpr char kEnd[] = "--b0undary--\r\n";

TEST(MultipartTest, FieldsAndTheFileComeWholeInPiecesOfAnySize) {
  const std::string content = "id,name\r\n1,--b0undary\r\n2,\r\n--b0und\r\r\n\0x";
  const std::string body = Field("storageId", "Acme") + FilePart(content) + Field("leer", "") + kEnd;
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    const ReadForm read(body, piece);
    ASSERT_THAT(read.status, IsOk()) << piece;
    EXPECT_TRUE(read.form->is_whole);
    EXPECT_THAT(read.form->fields, ElementsAre(Pair("storageId", "Acme"), Pair("leer", "")));
    EXPECT_EQ(read.form->file_name, "a \"b\".csv");
    EXPECT_EQ(read.file->bytes, content) << piece;
    EXPECT_EQ(read.form->file_bytes, content.size());
  }
}

TEST(MultipartTest, WithoutItsEndItIsNotWhole) {
  const std::string body = Field("a", "1") + FilePart("x") + "--b0undary--";
  for (std::size_t length = 0; length < body.size(); ++length) {
    const ReadForm read(body.substr(0, length), 7);
    ASSERT_THAT(read.status, IsOk()) << length;
    EXPECT_FALSE(read.form->is_whole) << length;
  }
  EXPECT_TRUE(ReadForm(body, 7).form->is_whole);
}

TEST(MultipartTest, LimitsAreKept) {
  MultipartLimits limits;
  limits.file_bytes_max = 10;
  limits.field_bytes_max = 5;
  limits.fields_max = 2;
  EXPECT_THAT(ReadForm(FilePart("0123456789") + Field("a", "12345") + kEnd, 3, limits).status, IsOk());
  const ReadForm large(FilePart("0123456789x") + kEnd, 3, limits);
  EXPECT_THAT(large.status, StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("over 10 bytes")));
  EXPECT_LE(large.file->bytes.size(), 10U);
  EXPECT_EQ(HttpStatusOf(large.status), 413);
  EXPECT_THAT(ReadForm(Field("a", "123456") + kEnd, 3, limits).status,
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("the form's field 'a' is over 5B")));
  EXPECT_THAT(ReadForm(Field("a", "") + Field("b", "") + Field("c", "") + kEnd, 3, limits).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 2 fields")));
  const std::string endless = absl::StrCat("--b0undary\r\nX: ", std::string(100'000, 'x'));
  EXPECT_THAT(ReadForm(endless, 1'000).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("over 8.0KiB")));
  EXPECT_THAT(ReadForm(endless, 200'000).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("over 8.0KiB")));
}

TEST(MultipartTest, AFieldMayStandTwiceWhereItIsSaid) {
  MultipartLimits limits;
  limits.repeatable = {"featuresOn"};
  const ReadForm read(Field("featuresOn", "A") + Field("featuresOn", "B") + kEnd, 9, limits);
  ASSERT_THAT(read.status, IsOk());
  EXPECT_THAT(read.form->fields, ElementsAre(Pair("featuresOn", "A"), Pair("featuresOn", "B")));
}

TEST(MultipartTest, WhatTheFilesSinkSaysIsTheAnswer) {
  const ReadForm read(FilePart("x") + kEnd, 100, {}, absl::UnavailableError("the disk is full"));
  EXPECT_EQ(read.status, absl::UnavailableError("the disk is full"));
}

struct WrongCase {
  std::string name, body, reason;
};

class WrongForm : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongForm, IsRefusedWithWords) {
  for (const std::size_t piece : {1UL, 10UL, 10'000UL}) {
    const ReadForm read(GetParam().body, piece);
    EXPECT_THAT(read.status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().reason)));
    EXPECT_FALSE(read.form->is_whole);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Multipart, WrongForm,
    testing::Values(
        WrongCase{"Preamble", "hello\r\n" + Field("a", "1") + kEnd, "does not begin with its boundary"},
        WrongCase{"LineEndFirst", "\r\n" + Field("a", "1") + kEnd, "does not begin with its boundary"},
        WrongCase{"OtherBoundary", "--other\r\n", "does not begin with its boundary"},
        WrongCase{"Epilogue", Field("a", "1") + kEnd + "more", "has data after its last boundary"},
        WrongCase{"LongerBoundary", Field("a", "1") + "--b0undaryx\r\n", "text after a boundary"},
        WrongCase{"Twice", Field("a", "1") + Field("a", "2") + kEnd, "has the field 'a' twice"},
        WrongCase{"TwoFiles", FilePart("1") + FilePart("2") + kEnd, "has two files"},
        WrongCase{"FileElsewhere",
                  Part("Content-Disposition: form-data; name=\"data\"; filename=\"x\"", "1") + kEnd,
                  "has a file in the field 'data'; its field is 'file'"},
        WrongCase{"FileElsewhereExtended",
                  Part("Content-Disposition: form-data; name=\"data\"; filename*=UTF-8''x", "1") + kEnd,
                  "has a file in"},
        WrongCase{"NoHeader", "--b0undary\r\n\r\n1\r\n", "has no Content-Disposition"},
        WrongCase{"NoDisposition", Part("Content-Type: text/plain", "1") + kEnd,
                  "has no Content-Disposition"},
        WrongCase{
            "TwoDispositions",
            Part("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b", "1") +
                kEnd,
            "two Content-Dispositions"},
        WrongCase{"Attachment", Part("Content-Disposition: attachment; name=a", "1") + kEnd,
                  "not written as"},
        WrongCase{"TwoNames", Part("Content-Disposition: form-data; name=a; name=b", "1") + kEnd,
                  "not written as"},
        WrongCase{"OpenQuote", Part("Content-Disposition: form-data; name=\"a", "1") + kEnd,
                  "not written as"},
        WrongCase{"NoName", Part("Content-Disposition: form-data", "1") + kEnd, "has no name"},
        WrongCase{"EmptyName", Part("Content-Disposition: form-data; name=\"\"", "1") + kEnd, "has no name"},
        WrongCase{"Folded", Part("Content-Disposition: form-data;\r\n name=a", "1") + kEnd, "unfolded"},
        WrongCase{"NoUtf8", Part("Content-Disposition: form-data; name=\"\xff\"", "1") + kEnd, "in UTF-8"},
        WrongCase{"LineFeed", Part("Content-Disposition: form-data; name=\"a\nb\"", "1") + kEnd,
                  "has a malformed header line"},
        WrongCase{
            "Encoded",
            Part("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", "1") + kEnd,
            "send it as it is"}),
    [](const auto& test) { return test.param.name; });

TEST(MultipartTest, TheBoundaryIsReadStrictly) {
  EXPECT_THAT(MultipartBoundary("multipart/form-data; boundary=b0undary"), IsOkAndHolds("b0undary"));
  EXPECT_THAT(MultipartBoundary("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b\""), IsOkAndHolds("a b"));
  for (const std::string type :
       {"", "text/csv", "multipart/mixed; boundary=a", "multipart/form-data",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=\"a ",
        "multipart/form-data boundary=a", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\r\n\""}) {
    EXPECT_THAT(MultipartBoundary(type), StatusIs(absl::StatusCode::kInvalidArgument)) << type;
  }
  EXPECT_THAT(MultipartBoundary("multipart/form-data; boundary=" + std::string(70, 'a')), IsOk());
  EXPECT_THAT(MultipartBoundary("multipart/form-data; boundary=" + std::string(71, 'a')),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::http_multipart_test
