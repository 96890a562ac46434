package pricing

// Newly answers with a new array: only the type that is allocated tells how large it is.
//
//go:noinline
func Newly(n int64) any {
	if n < 0 {
		return new([7]int32)
	}
	return new([4]int)
}

// Index makes a map: only its type tells what it holds.
//
//go:noinline
func Index(n int64) any { return make(map[string]uint32, n) }

// Sheet answers with a long text.
//
//go:noinline
func Sheet(n int64) string {
	if n == 3 {
		return ""
	}
	return "abejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuhwngbyxybgnwhujatollmpubkvixohczyzchoxivkbupmmnqvclwjypidazadipyjwlcvqnnorwdmxkzqjebabejqzkxmdwroopsxenylarkfcbcfkralynexsppqtyfozmbslgdcdglsbmzofytqqruzgpanctmhedehmtcnapgzurrsvahqbodunifefinudobqhavsstwbircpevojgfgjovepcribwttuxcjsdqfwpkhghkpwfqdsjcxuuvydktergxqlihilqxgretkdyvvwzelufshyrmjijmryhsfulezwwxafmvgtizsnkjknszitgvmfaxxybgnwhujatolklotajuhwngbyyzchoxivkbupmlmpubkvixohczzadipyjwlcvqnmnqvclwjypidaabejqzkxmdwronorwdmxkzqjebbcfkralynexspopsxenylarkfccdglsbmzofytqpqtyfozmbslgddehmtcnapgzurqruzgpanctmheefinudobqhavsrsvahqboduniffgjovepcribwtstwbircpevojgghkpwfqdsjcxutuxcjsdqfwpkhhilqxgretkdyvuvydktergxqliijmryhsfulezwvwzelufshyrmjjknszitgvmfaxwxafmvgtizsnkklotajuh"
}

// Prime reads a table that is larger than a page.
//
//go:noinline
func Prime(n int64) int64 {
	table := [...]int64{
		13, 7932, 15851, 23770, 31689, 39608, 47527, 55446, 63365, 71284, 79203, 87122,
		95041, 102960, 110879, 118798, 126717, 134636, 142555, 150474, 158393, 166312, 174231, 182150,
		190069, 197988, 205907, 213826, 221745, 229664, 237583, 245502, 253421, 261340, 269259, 277178,
		285097, 293016, 300935, 308854, 316773, 324692, 332611, 340530, 348449, 356368, 364287, 372206,
		380125, 388044, 395963, 403882, 411801, 419720, 427639, 435558, 443477, 451396, 459315, 467234,
		475153, 483072, 490991, 498910, 506829, 514748, 522667, 530586, 538505, 546424, 554343, 562262,
		570181, 578100, 586019, 593938, 601857, 609776, 617695, 625614, 633533, 641452, 649371, 657290,
		665209, 673128, 681047, 688966, 696885, 704804, 712723, 720642, 728561, 736480, 744399, 752318,
		760237, 768156, 776075, 783994, 791913, 799832, 807751, 815670, 823589, 831508, 839427, 847346,
		855265, 863184, 871103, 879022, 886941, 894860, 902779, 910698, 918617, 926536, 934455, 942374,
		950293, 958212, 966131, 974050, 981969, 989888, 997807, 5723, 13642, 21561, 29480, 37399,
		45318, 53237, 61156, 69075, 76994, 84913, 92832, 100751, 108670, 116589, 124508, 132427,
		140346, 148265, 156184, 164103, 172022, 179941, 187860, 195779, 203698, 211617, 219536, 227455,
		235374, 243293, 251212, 259131, 267050, 274969, 282888, 290807, 298726, 306645, 314564, 322483,
		330402, 338321, 346240, 354159, 362078, 369997, 377916, 385835, 393754, 401673, 409592, 417511,
		425430, 433349, 441268, 449187, 457106, 465025, 472944, 480863, 488782, 496701, 504620, 512539,
		520458, 528377, 536296, 544215, 552134, 560053, 567972, 575891, 583810, 591729, 599648, 607567,
		615486, 623405, 631324, 639243, 647162, 655081, 663000, 670919, 678838, 686757, 694676, 702595,
		710514, 718433, 726352, 734271, 742190, 750109, 758028, 765947, 773866, 781785, 789704, 797623,
		805542, 813461, 821380, 829299, 837218, 845137, 853056, 860975, 868894, 876813, 884732, 892651,
		900570, 908489, 916408, 924327, 932246, 940165, 948084, 956003, 963922, 971841, 979760, 987679,
		995598, 3514, 11433, 19352, 27271, 35190, 43109, 51028, 58947, 66866, 74785, 82704,
		90623, 98542, 106461, 114380, 122299, 130218, 138137, 146056, 153975, 161894, 169813, 177732,
		185651, 193570, 201489, 209408, 217327, 225246, 233165, 241084, 249003, 256922, 264841, 272760,
		280679, 288598, 296517, 304436, 312355, 320274, 328193, 336112, 344031, 351950, 359869, 367788,
		375707, 383626, 391545, 399464, 407383, 415302, 423221, 431140, 439059, 446978, 454897, 462816,
		470735, 478654, 486573, 494492, 502411, 510330, 518249, 526168, 534087, 542006, 549925, 557844,
		565763, 573682, 581601, 589520, 597439, 605358, 613277, 621196, 629115, 637034, 644953, 652872,
		660791, 668710, 676629, 684548, 692467, 700386, 708305, 716224, 724143, 732062, 739981, 747900,
		755819, 763738, 771657, 779576, 787495, 795414, 803333, 811252, 819171, 827090, 835009, 842928,
		850847, 858766, 866685, 874604, 882523, 890442, 898361, 906280, 914199, 922118, 930037, 937956,
		945875, 953794, 961713, 969632, 977551, 985470, 993389, 1305, 9224, 17143, 25062, 32981,
		40900, 48819, 56738, 64657, 72576, 80495, 88414, 96333, 104252, 112171, 120090, 128009,
		135928, 143847, 151766, 159685, 167604, 175523, 183442, 191361, 199280, 207199, 215118, 223037,
		230956, 238875, 246794, 254713, 262632, 270551, 278470, 286389, 294308, 302227, 310146, 318065,
		325984, 333903, 341822, 349741, 357660, 365579, 373498, 381417, 389336, 397255, 405174, 413093,
		421012, 428931, 436850, 444769, 452688, 460607, 468526, 476445, 484364, 492283, 500202, 508121,
		516040, 523959, 531878, 539797, 547716, 555635, 563554, 571473, 579392, 587311, 595230, 603149,
		611068, 618987, 626906, 634825, 642744, 650663, 658582, 666501, 674420, 682339, 690258, 698177,
		706096, 714015, 721934, 729853, 737772, 745691, 753610, 761529, 769448, 777367, 785286, 793205,
		801124, 809043, 816962, 824881, 832800, 840719, 848638, 856557, 864476, 872395, 880314, 888233,
		896152, 904071, 911990, 919909, 927828, 935747, 943666, 951585, 959504, 967423, 975342, 983261,
		991180, 999099, 7015, 14934, 22853, 30772, 38691, 46610, 54529, 62448, 70367, 78286,
		86205, 94124, 102043, 109962, 117881, 125800, 133719, 141638, 149557, 157476, 165395, 173314,
		181233, 189152, 197071, 204990, 212909, 220828, 228747, 236666, 244585, 252504, 260423, 268342,
		276261, 284180, 292099, 300018, 307937, 315856, 323775, 331694, 339613, 347532, 355451, 363370,
		371289, 379208, 387127, 395046, 402965, 410884, 418803, 426722, 434641, 442560, 450479, 458398,
		466317, 474236, 482155, 490074, 497993, 505912, 513831, 521750, 529669, 537588, 545507, 553426,
		561345, 569264, 577183, 585102, 593021, 600940, 608859, 616778, 624697, 632616, 640535, 648454,
		656373, 664292, 672211, 680130, 688049, 695968, 703887, 711806, 719725, 727644, 735563, 743482,
		751401, 759320, 767239, 775158, 783077, 790996, 798915, 806834, 814753, 822672, 830591, 838510,
		846429, 854348, 862267, 870186, 878105, 886024, 893943, 901862, 909781, 917700, 925619, 933538,
		941457, 949376, 957295, 965214, 973133, 981052, 988971, 996890, 4806, 12725, 20644, 28563,
		36482, 44401, 52320, 60239, 68158, 76077, 83996, 91915, 99834, 107753, 115672, 123591,
		131510, 139429, 147348, 155267, 163186, 171105, 179024, 186943, 194862, 202781, 210700, 218619,
		226538, 234457, 242376, 250295, 258214, 266133, 274052, 281971, 289890, 297809, 305728, 313647,
		321566, 329485, 337404, 345323, 353242, 361161, 369080, 376999, 384918, 392837, 400756, 408675,
		416594, 424513, 432432, 440351, 448270, 456189, 464108, 472027, 479946, 487865, 495784, 503703,
		511622, 519541, 527460, 535379, 543298, 551217, 559136, 567055, 574974, 582893, 590812, 598731,
		606650, 614569, 622488, 630407, 638326, 646245, 654164, 662083, 670002, 677921, 685840, 693759,
	}
	return table[uint64(n)%uint64(len(table))]
}
