// What the pages are given, and who is let in to them; tests/browser looks at both from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/embedded_file.h"
#include "base/interruption.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/page_json.h"
#include "tools/mirrorctl/web/web_command.h"

MIRROR_EMBEDDED(pages);

namespace mirror::web_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(WebEntryTest, TheSecretGivesTheBearerOnce) {
  WebEntry entry;
  EXPECT_THAT(entry.secret(), SizeIs(64));
  EXPECT_NE(entry.secret(), WebEntry().secret());
  EXPECT_THAT(entry.Exchange(""), StatusIs(absl::StatusCode::kUnauthenticated, testing::_));
  EXPECT_THAT(entry.Exchange(std::string(64, '0')), StatusIs(absl::StatusCode::kUnauthenticated, testing::_));
  const absl::StatusOr<std::string> bearer = entry.Exchange(entry.secret());
  ASSERT_THAT(bearer, IsOk());
  EXPECT_NE(*bearer, entry.secret());
  EXPECT_THAT(entry.Exchange(entry.secret()),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("used before")));
}

TEST(WebEntryTest, OnlyTheBearerIsAdmitted) {
  WebEntry entry;
  const std::string bearer = entry.Exchange(entry.secret()).value();
  const auto admits = [&entry](const std::string& text) { return entry.Admits(&text); };
  EXPECT_TRUE(admits("Bearer " + bearer));
  EXPECT_FALSE(entry.Admits(nullptr));
  for (const std::string& other :
       {std::string(), bearer, "bearer " + bearer, "Bearer " + entry.secret(), "Bearer " + bearer + " ",
        "Bearer " + bearer.substr(1), std::string("Bearer ")})
    EXPECT_FALSE(admits(other)) << other;
}

TEST(WebPagesTest, AFileIsFoundByItsNameAlone) {
  ASSERT_NE(FindEmbedded(mirror_embedded_pages, "index.html"), nullptr);
  std::ostringstream text;
  text << std::ifstream(SourceDir() + "/tools/mirrorctl/web/pages/index.html").rdbuf();
  EXPECT_EQ(FindEmbedded(mirror_embedded_pages, "index.html")->bytes(), text.str());
  EXPECT_EQ(FindEmbedded(mirror_embedded_pages, "index"), nullptr);
  EXPECT_EQ(FindEmbedded(mirror_embedded_pages, ""), nullptr);
}

TEST(PageJsonTest, ATenantsLineHasWhatIsNotNothing) {
  v1::Tenant tenant;
  tenant.set_context_id("Cust</script>");
  tenant.set_rows(7);
  const Json line = Json::parse(TenantLine(tenant));
  EXPECT_THAT(line, SizeIs(2));
  EXPECT_EQ(line["context_id"], "Cust</script>");
  EXPECT_EQ(line["rows"], 7);
}

TEST(PageJsonTest, BytesThatAreNoTextDoNotEndTheProgram) {
  v1::Tenant tenant;
  tenant.set_context_id("\xff\xfe");
  EXPECT_TRUE(Json::accept(TenantLine(tenant)));
}

class LiveFeedTest : public AdminEndpoint {
 protected:
  /// The next line of a tab's stream.
  static Json Next(HttpBodySource& tab) {
    std::string piece;
    const absl::StatusOr<bool> more = tab.Next(&piece);
    EXPECT_THAT(more, IsOk());
    return more.ok() ? Json::parse(piece) : Json();
  }
};

TEST_F(LiveFeedTest, ATabGetsWhatIsKnownAndNoMoreTabsThanMayBeAreOpened) {
  const Interruption interruption;
  LiveFeed feed(LoadControlConfig(Config()).value(), interruption);
  std::vector<std::unique_ptr<HttpBodySource>> tabs;
  for (int i = 0; i < kLiveTabsMax; ++i) tabs.push_back(feed.Open());
  EXPECT_EQ(feed.Open(), nullptr);
  const Json line = Next(*tabs.front());
  EXPECT_EQ(line["tenants"], Json::array());
  EXPECT_EQ(line["complete"], false);
  tabs.pop_back();
  EXPECT_NE(feed.Open(), nullptr);
  feed.EndStreams();
  std::string piece;
  EXPECT_THAT(tabs.front()->Next(&piece), StatusIs(absl::StatusCode::kCancelled, testing::_));
}

TEST_F(LiveFeedTest, EveryTabHearsOfOneWatchAndOfAServerThatDoesNotKnowIt) {
  v1::Event event;
  event.set_id(7);
  event.set_message("it happened");
  *fake_.events.add_events() = event;
  auto interruption = std::make_unique<Interruption>();
  LiveFeed feed(LoadControlConfig(Config()).value(), *interruption);
  feed.Start();
  for (int i = 0; i < 2; ++i) {
    const auto tab = feed.Open();
    Json seen;
    std::string why;
    while (seen.is_null() || why.empty()) {
      const Json line = Next(*tab);
      if (line.contains("events")) seen = line["events"][0];
      if (line.contains("why")) why = line["why"].get<std::string>();
    }
    EXPECT_EQ(seen["id"], 7);
    EXPECT_EQ(seen["message"], "it happened");
    EXPECT_THAT(why, HasSubstr("UNIMPLEMENTED"));
  }
  raise(SIGINT);
  const auto calls = fake_.Calls();
  EXPECT_LE(std::count_if(calls.begin(), calls.end(),
                          [](const std::string& call) { return call.starts_with("WatchEvents"); }),
            1);
}

}  // namespace
}  // namespace mirror::web_test
