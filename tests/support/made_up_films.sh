# Sourced: writes a small made-up data set, RecBole atomic files of 40 users and 60 films, into a new folder.
made_up_films() {  # the folder
  mkdir -p "$1"
  awk -v folder="$1" 'BEGIN {
    split("Action Comedy Drama Horror", genre, " ")
    print "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq" > folder "/x.item"
    for (i = 1; i <= 60; ++i) print i "\tFilm Number " i ", The\t" 1930 + i "\t" genre[1 + i % 4] " " genre[1 + i % 3] > folder "/x.item"
    print "user_id:token\tage:token\tgender:token\toccupation:token" > folder "/x.user"
    print "user_id:token\titem_id:token\trating:float\ttimestamp:float" > folder "/x.inter"
    for (u = 1; u <= 40; ++u) {
      print u "\t" 15 + u "\t" (u % 2 ? "M" : "F") "\twriter" > folder "/x.user"
      for (k = 0; k < 30; ++k) print u "\t" 1 + (u * 7 + k * 11) % 60 "\t" 1 + (u + k * k) % 5 "\t" 1000 + k > folder "/x.inter"
    }
  }'
}
