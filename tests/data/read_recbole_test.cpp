#include <recllm/data/read_recbole.hpp>

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// Atomic files of two users and two items.
struct folder : temporary_folder {
  folder() {
    write("tiny.user",
          "user_id:token\tage:token\tgender:token\toccupation:token\n7\t24\tM\twriter\n3\t53\tF\tother\n");
    write("tiny.item",
          "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
          "10\tHeat\t1995\tCrime Drama\n20\tBabe, The\tV\t\n");
    write("tiny.inter",
          "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
          "3\t20\t4\t200\n3\t10\t3.5\t100\n7\t10\t1\t881250949\n3\t10\t5\t200\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string file(const char* name) const { return (path / name).string(); }
};

constexpr const char* inter_header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";

}  // namespace

TEST_CASE("RecBole files become users, items and histories in time order") {
  const folder tiny;
  const dataset data = read_recbole(tiny.path);
  REQUIRE(data.users.size() == 2);
  REQUIRE(data.items.size() == 2);
  CHECK(data.users[0].id == "7");
  CHECK(data.users[1].attribute("occupation") == "other");
  CHECK(data.users[1].attributes.front().first == "age");
  CHECK(data.items[0].title == "Heat");
  CHECK(data.items[0].topics == std::vector<std::string>{"Crime", "Drama"});
  CHECK(data.items[1].year == "V");
  CHECK(data.items[1].topics.empty());
  CHECK(item_sequence(std::span(data.histories[1])) == std::vector<std::size_t>{0, 1, 0});
  CHECK(data.histories[1][0].value == 3.5);
  CHECK(data.histories[0][0].time == 881250949);
  CHECK(data.histories[0][0].user == 0);
}

TEST_CASE("byte order mark, CRLF, empty lines and a missing last newline do no harm") {
  const folder tiny;
  tiny.write("tiny.inter",
             "\xEF\xBB\xBFuser_id:token\titem_id:token\trating:float\ttimestamp:float\r\n3\t20\t4\t8."
             "5e2\r\n\r\n7\t10\t5\t1.9");
  tiny.write(
      "tiny.item",
      "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\r\n10\tHeat\t1995\tCrime\r\n"
      "20\tBabe\t1995\tDrama\r\n");
  const dataset data = read_recbole(tiny.path);
  CHECK(data.histories[1].size() == 1);
  CHECK(data.histories[1][0].time == 850);
  CHECK(data.histories[0][0].time == 1);
  CHECK(data.items[1].topics == std::vector<std::string>{"Drama"});
}

TEST_CASE("other columns and other orders are settings") {
  const folder tiny;
  tiny.write("shop.user", "segment:token\tuid:token\ngold\tu1\n");
  tiny.write("shop.item", "name:token_seq\tiid:token\tkind:token\nRed shoe, left\ti1\tShoes and socks\n");
  tiny.write("shop.inter", "stars:float\tiid:token\tuid:token\tat:float\n2\ti1\tu1\t5\n");
  recbole_settings columns{
      .name = "shop", .user_id = "uid", .item_id = "iid", .rating = "stars", .time = "at"};
  columns.title = "name";
  columns.year = "";
  columns.topics = "kind";
  columns.attributes = {"segment"};
  const dataset data = read_recbole(tiny.path, columns);
  CHECK(data.users[0].attribute("segment") == "gold");
  CHECK(data.items[0].topics == std::vector<std::string>{"Shoes and socks"});
  CHECK(data.items[0].year.empty());
  CHECK(data.histories[0][0].value == 2);
  columns.topics = "";
  CHECK(read_recbole(tiny.path, columns).items[0].topics.empty());

  CHECK_THROWS_WITH(read_recbole(tiny.path),
                    Contains("holds 2 .inter files; say which one in recbole_settings::name"));
}

TEST_CASE("missing and empty files say what to do") {
  const folder tiny;
  CHECK_THROWS_WITH(read_recbole(tiny.path / "nowhere"), Contains("nowhere") && Contains("is not a folder"));
  fs::remove(tiny.path / "tiny.item");
  CHECK_THROWS_WITH(
      read_recbole(tiny.path),
      "recllm: read_recbole: cannot open " + tiny.file("tiny.item") +
          "; expected a readable RecBole file there: check the folder, or set recbole_settings::name");
  CHECK_THROWS_AS(read_recbole(tiny.path), std::invalid_argument);
  fs::create_directory(tiny.path / "tiny.item");
  CHECK_THROWS_WITH(read_recbole(tiny.path), Contains("cannot open"));
  tiny.write("tiny.user", "\n");
  CHECK_THROWS_WITH(read_recbole(tiny.path), Contains("tiny.user is empty; expected a header"));
  fs::remove(tiny.path / "tiny.inter");
  CHECK_THROWS_WITH(read_recbole(tiny.path), Contains("holds no .inter file"));
}

TEST_CASE("a header without the columns wanted names them") {
  const folder tiny;
  tiny.write("tiny.inter", "user_id:token\titem_id:token\tstars:float\ttimestamp:float\n3\t20\t4\t1\n");
  CHECK_THROWS_WITH(
      read_recbole(tiny.path),
      "recllm: read_recbole: " + tiny.file("tiny.inter") +
          ":1: there is no column 'rating'; found: user_id, item_id, stars, timestamp; name the columns "
          "in recbole_settings");
  tiny.write("tiny.inter", "user_id\titem_id:token\n");
  CHECK_THROWS_WITH(
      read_recbole(tiny.path),
      Contains("tiny.inter:1: the header field 'user_id' is not name:type with type token, token_seq"));
  tiny.write("tiny.user", "user_id:token\tage:text\n");
  CHECK_THROWS_WITH(read_recbole(tiny.path), Contains("tiny.user:1: the header field 'age:text'"));
}

TEST_CASE("a bad row is named by file, line, column and value") {
  const folder tiny;
  const auto refused = [&](const std::string& rows, const std::string& why) {
    tiny.write("tiny.inter", inter_header + rows);
    CHECK_THROWS_WITH(read_recbole(tiny.path), "recllm: read_recbole: " + tiny.file("tiny.inter") + why);
  };
  refused("3\t20\t4\t1\n3\t10\tgood\t1\n", ":3: column 'rating' holds 'good'; expected a finite number");
  refused("3\t20\t\t1\n", ":2: column 'rating' holds ''; expected a finite number");
  refused("3\t20\tnan\t1\n", ":2: column 'rating' holds 'nan'; expected a finite number");
  refused("3\t20\t4 \t1\n", ":2: column 'rating' holds '4 '; expected a finite number");
  refused("3\t20\t4\tlate\n",
          ":2: column 'timestamp' holds 'late'; expected seconds since the epoch that fit 64 bits");
  refused("3\t20\t4\tinf\n",
          ":2: column 'timestamp' holds 'inf'; expected seconds since the epoch that fit 64 bits");
  refused("3\t20\t4\t1e30\n",
          ":2: column 'timestamp' holds '1e30'; expected seconds since the epoch that fit 64 bits");
  refused("3\t20\t4\n", ":2: expected 4 fields parted by tabs, as in the header, found 3");
  refused("\r\n3\t20\t4\t1\t\n", ":3: expected 4 fields parted by tabs, as in the header, found 5");
  refused("9\t20\t4\t1\n", ":2: user '9' has no row in the .user file; add it there or leave this row out");
  refused("3\t21\t4\t1\n", ":2: item '21' has no row in the .item file; add it there or leave this row out");
  refused("", ":1: there is no interaction; expected at least one row");
  refused("3\t\xE9\t4\t1\n",
          ":2: item '\xE9' has no row in the .item file; add it there or leave this row out");
}

TEST_CASE("an id that is there twice is refused") {
  const folder tiny;
  tiny.write("tiny.item",
             "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_"
             "seq\n10\tA\t1\tX\n10\tB\t2\tX\n");
  CHECK_THROWS_WITH(read_recbole(tiny.path),
                    Contains("tiny.item:3: item id '10' is there twice; expected one row"));
  tiny.write("tiny.user",
             "user_id:token\tage:token\tgender:token\toccupation:token\n3\t1\tM\tx\n3\t2\tF\ty\n");
  CHECK_THROWS_WITH(read_recbole(tiny.path), Contains("tiny.user:3: user id '3' is there twice"));
}

TEST_CASE("text that is not UTF-8 is refused") {
  const folder tiny;
  tiny.write(
      "tiny.item",
      "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n10\tCaf\xE9\t1\tX\n");
  CHECK_THROWS_WITH(read_recbole(tiny.path),
                    Contains("tiny.item:2: column 'movie_title' holds 'Caf\xE9', which is not UTF-8"));
}
